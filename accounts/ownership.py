"""Two roles in the database: one owns the tables and migrates, the other is what Parley serves as.

What the serving role may not do (write to the audit log past its one function, change a table) the database refuses by
itself, whatever hole there may be in the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

_ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


@contextmanager
def as_owner() -> Iterator[None]:
    """Within, this thread's database connection is the owning role's. For commands: no serving process needs it."""
    serving = connection.settings_dict
    owner = {name: settings.DATABASE_OWNER[name] for name in _ADDRESS}
    _reconnect(serving | owner)
    try:
        yield
    finally:
        _reconnect(serving)


def _reconnect(to: dict[str, object]) -> None:
    connection.close()
    cast(DatabaseWrapper, connection).close_pool()
    connection.settings_dict = to


def grant_to_application() -> None:
    """Let the application's role work with every table, and only read the audit log. Run by the owner after migrating.

    Does nothing where there is one role for both: then the triggers alone guard the log.
    """
    role = str(settings.DATABASES["default"]["USER"])
    with connection.cursor() as cursor:
        cursor.execute("select rolname from pg_roles where rolname = %s and rolname <> current_user", [role])
        if cursor.fetchone() is None:
            return
        name = connection.ops.quote_name(role)
        cursor.execute(
            f"""
            grant usage on schema public to {name};
            grant select, insert, update, delete on all tables in schema public to {name};
            grant usage, select, update on all sequences in schema public to {name};
            revoke insert, update, delete, truncate on audit_event, audit_head, django_migrations from {name};
            revoke update, delete, truncate on audit_checkpoint from {name};
            revoke insert, update, delete, truncate on accounts_group_reach from {name};
            grant execute on function audit_append(text, text, text, text, text, jsonb) to {name};
            """
        )
