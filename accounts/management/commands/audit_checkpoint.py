"""`manage.py audit_checkpoint`: sign what is new in the audit log, now or every minute, where the worker does not."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.auditing.keys import public_key, signing_key
from accounts.auditing.sealing import CannotSealError, seal_log
from accounts.auditing.witnesses import tell_witnesses
from app.errors import ParleyError


class Command(BaseCommand):
    help = (
        "Sign a checkpoint over the audit log and tell the witnesses. Refuses what does not follow from the last one."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=int, metavar="SECONDS", help="go on doing so")
        parser.add_argument("--public-key", action="store_true", help="only say the public key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["public_key"]:
                self.stdout.write(public_key(signing_key()))
                return
            self._seal(is_last=not options["every"])
            while options["every"]:
                time.sleep(options["every"])
                self._seal(is_last=False)
        except ParleyError as error:
            raise CommandError(error.message) from error

    def _seal(self, *, is_last: bool) -> None:
        """What cannot be sealed is said; a process that goes on tries again, since it may have been mended."""
        try:
            made = seal_log()
        except CannotSealError as error:
            tell_witnesses()
            if is_last:
                raise CommandError("\n".join(["Nothing is signed: the log does not follow.", *error.faults])) from error
            self.stderr.write(self.style.ERROR(str(error)))
            return
        failed = tell_witnesses()
        self.stdout.write(f"{made} new checkpoints, {failed} witnesses could not be told.")
