"""`manage.py prepare`: bring the database to where this version of Parley needs it. Safe to run any number of times."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from app.embedded import paths
from app.embedded.folders import make_folders


class Command(BaseCommand):
    help = "Make the data folders, and migrate the database as the role that owns it."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        make_folders(paths.data_folder())
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
