"""Says whether a model changed without a migration, and needs no database for it."""

import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.settings")
settings.DATABASES["default"] = {"ENGINE": "django.db.backends.dummy"}
django.setup()
call_command("makemigrations", check=True, dry_run=True)
