"""`manage.py migrate`, as the role that owns the tables: the role Parley serves as may not change them."""

from typing import Any

from django.core.management.commands import migrate

from accounts.ownership import as_owner


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            super().handle(*args, **options)
