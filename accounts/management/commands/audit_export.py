"""`manage.py audit_export FILE`: the audit log, or a part of it, as a zip that `audit_chain.py` checks anywhere."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from accounts.auditing.exporting import FORMS, export_events
from accounts.auditing.reading import read_chosen
from app.errors import ParleyError

CHOICES = ("actor", "action", "object", "outcome", "request", "since", "until")


class Command(BaseCommand):
    help = "Write the audit log with its checkpoints into a zip. Check it with: python accounts/audit_chain.py FILE"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", choices=FORMS, default="jsonl")
        for name in CHOICES:
            parser.add_argument(f"--{name}", default="", help="only these (default: all, then whole chains are proved)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen = read_chosen({name: options[name] for name in CHOICES})
            with options["file"].open("xb") as into:
                wanted = chosen if chosen.said() else None
                exported = export_events(actor=audit.SYSTEM, into=into, form=options["format"], chosen=wanted)
        except ParleyError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{exported.events:,} events and {exported.checkpoints:,} checkpoints in {options['file']}.")
