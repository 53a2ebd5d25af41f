"""What `manage.py check` says of the master key."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from app.errors import ParleyError
from app.master_keys import lies_beside_database, master_keys


@register(Tags.security)
def check_master_key(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    try:
        master_keys()
    except ParleyError as error:
        return [Error(error.message, id="parley.E001")]
    if settings.BEHIND_TLS and lies_beside_database():
        said = "The master key lies in the data folder, beside what it protects: a copy of one is a copy of both."
        return [Warning(said, hint="Give it with MASTER_KEY_FILE or MASTER_KEY_COMMAND.", id="parley.W001")]
    return []
