"""`manage.py audit_verify`: prove the audit log, or name what is not what was written. Exit status 1 for the latter."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.auditing.verifying import Verification, verify_log


class Command(BaseCommand):
    help = "Check every event, chain and checkpoint of the audit log; name the first wrong row of each broken chain."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        said = "a file of checkpoints that a witness kept, one a line; any number of these"
        parser.add_argument("--witness", type=Path, action="append", default=[], metavar="FILE", help=said)
        parser.add_argument("--processes", type=int, default=0, help="how many at the same time (default: by itself)")

    def handle(self, *args: Any, **options: Any) -> None:
        found = verify_log(elsewhere=options["witness"], processes=options["processes"])
        for fault in found.faults:
            self.stderr.write(self.style.ERROR(fault))
        self.stdout.write(_summary(found))
        if found.faults:
            sys.exit(1)


def _summary(found: Verification) -> str:
    counted = f"{found.events:,} events in {found.chains} chains, {found.checkpoints:,} checkpoints"
    rate = f" ({found.seconds:.1f} s)" if found.seconds >= 1 else ""
    signed = f"\nCheckpoints are signed by {found.key}." if found.key else ""
    if found.faults:
        return f"The audit log is not what was written: {len(found.faults)} wrong in {counted}{rate}.{signed}"
    return f"The audit log is whole: {counted}{rate}.{signed}"
