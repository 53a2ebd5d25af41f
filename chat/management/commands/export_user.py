"""``manage.py export_user EMAIL OUT.zip``: everything of one person's own, for whoever asks for it on their behalf."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, transaction

from accounts import audit
from accounts.models import User
from chat.exporting.everything import write_everything


class Command(BaseCommand):
    requires_system_checks = []
    help = (
        "Write a zip with everything Parley has of a person: conversations, attached files, prompts, instructions, "
        "feedback, shares, sign-ins, keys, usage, reviews, and what the audit log says of them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the person's e-mail address")
        parser.add_argument("out", type=Path, help="the zip to write; must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["out"].expanduser().resolve()
        if path.exists():
            raise CommandError(f"{path} is there already. Name a file that is not.")
        try:
            person = User.objects.filter(email__iexact=options["email"]).first()
            if person is None:
                raise CommandError(f"There is no account for {options['email']}.")
            count = write_everything(person, path)
            with transaction.atomic():
                payload = {"conversations": count, "by": "command"}
                audit.record(actor=audit.SYSTEM, action="account.export", obj=person, payload=payload)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}. Name another place.") from error
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {error}") from error
        self.stdout.write(f"{count} conversations of {person.email} are in {path}.")
