"""`manage.py rotate_keys`: seal what is plain, and on request everything under other keys, while people work."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models.person_keys import KeyRotation
from accounts.sealed.rotating import rotate
from app.errors import ParleyError


class Command(BaseCommand):
    help = (
        "Seal what was written before there were keys. Safe to stop and to run again at any time: "
        "what was begun is gone on with."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        said = "wrap all keys under the present master key; give the one before after it until this has ended"
        parser.add_argument("--master", action="store_true", help=said)
        said = "give everybody a new key, seal all that is theirs with it, and destroy the one before"
        parser.add_argument("--person-keys", action="store_true", help=said)

    def handle(self, *args: Any, **options: Any) -> None:
        self._said = ""
        try:
            done = rotate(master=options["master"], person_keys=options["person_keys"], tell=self._tell)
        except ParleyError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Done: {done.sealed:,} rows and files were sealed.")

    def _tell(self, rotation: KeyRotation) -> None:
        """One line for each step and table, and one for each tenth of it."""
        said = f"{rotation.get_step_display()}{f' ({rotation.place})' if rotation.place else ''}"
        line = f"{said}: {rotation.percent // 10 * 10} %"
        if line != self._said:
            self.stdout.write(line)
            self.stdout.flush()
            self._said = line
