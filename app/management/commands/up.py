"""`manage.py up`: start Parley with everything it needs, and run until Ctrl-C."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Start Parley and the parts it needs, watch them, and stop them all on Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        # The supervisor takes this process over, because it lives long and has no use for a loaded Django.
        os.environ["PARLEY_DATA_DIR"] = str(settings.DATA.root)
        os.chdir(settings.BASE_DIR)
        self.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", "app.embedded.up"])  # noqa: S606 - fixed program
