"""`manage.py prepare`: bring the database to where this version of Parley needs it. Safe to run any number of times."""

import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts.auditing.keys import trusted_keys
from accounts.auditing.witnesses import check_addresses
from accounts.sealed.person_keys import check_master_keys
from accounts.signing_in.first_run import first_link
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
            check_master_keys()
            is_new = not Worker.objects.filter(address=settings.MODEL_URL).exists()
            worker = connect_configured_worker()
            if fill.is_wanted():
                fill.fill(self._say)
            elif settings.DATA.demo.exists():
                accounts.note_address()
            self._offer_first_account()
            if worker and is_new:
                adopt_model("system", model=worker.model)
        except ParleyError as error:
            raise CommandError(error.message) from error

    def _offer_first_account(self) -> None:
        """Leave the link where whoever keeps this machine finds it, and nobody else."""
        path = settings.DATA.first_link
        path.unlink(missing_ok=True)
        if link := first_link():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(link + "\n")
            self._say(f"Nobody has an account yet. Make the administrator's, within a day: {link}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
