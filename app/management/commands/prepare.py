"""`manage.py prepare`: bring the database to where this version of Parley needs it. Safe to run any number of times."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts.auditing.keys import trusted_keys
from accounts.auditing.witnesses import check_addresses
from app.demo import accounts, fill
from app.embedded.folders import make_folders
from app.errors import ParleyError
from app.inference.models import Worker
from app.inference.registry import connect_configured_worker
from chat.assistants import adopt_model


class Command(BaseCommand):
    help = (
        "Make the data folders, migrate the database, register the model server, and fill a new Parley with the demo."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            make_folders(settings.DATA)
            trusted_keys()  # makes the key that signs the audit log's checkpoints, at the first start
            check_addresses()
            call_command("migrate", interactive=False, verbosity=options["verbosity"])
            is_new = not Worker.objects.filter(address=settings.MODEL_URL).exists()
            worker = connect_configured_worker()
            if fill.is_wanted():
                fill.fill(self._say)
            elif settings.DATA.demo.exists():
                accounts.note_address()
            if worker and is_new:
                adopt_model("system", model=worker.model)
        except ParleyError as error:
            raise CommandError(error.message) from error

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
