"""``manage.py retain [--dry-run]``: remove what rules no longer keep, as the worker does once a day."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from accounts.retention.kinds import kinds
from accounts.retention.running import apply_rules, preview


class Command(BaseCommand):
    requires_system_checks = []
    help = "Remove what the rules of retention no longer keep. May be run at any time, and again after a crash."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["dry_run"]:
                self._tell()
            else:
                self._remove()
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {error}") from error

    def _tell(self) -> None:
        going = preview()
        for one in going:
            self.stdout.write(f"{one.count:>8}  {one.kind.name}")
            for group, count in one.groups:
                self.stdout.write(f"          {count:>8}  {group or 'in no group'}")
            for thing in one.first:
                self.stdout.write(f"          {thing.at:%Y-%m-%d}  {thing.person}  {thing.id}")
        if not going:
            self.stdout.write("Nothing would go.")

    def _remove(self) -> None:
        run = apply_rules()
        if run is None:
            raise CommandError("A run is under way already. Look again in five minutes.")
        names = {kind.slug: kind.name for kind in kinds()}
        for slug, count in run.counts.items():
            self.stdout.write(f"{count:>8}  {names.get(slug, slug)}")
        self.stdout.write(f"Removed {run.whole} things.")
