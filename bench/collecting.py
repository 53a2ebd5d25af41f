"""Style sheets and scripts as `make run` and the image serve them, where a benchmark looks at pages."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from django.core.management import call_command
from django.test.utils import override_settings

_SMALL = {"staticfiles": {"BACKEND": "app.web.statics.SmallStaticFilesStorage"}}


@contextlib.contextmanager
def collected(folder: Path) -> Iterator[None]:
    """Collect them into ``folder`` and serve them from there, in this process and in those started meanwhile."""
    os.environ["STATIC_ROOT"] = str(folder)
    try:
        with override_settings(STATIC_ROOT=str(folder), STORAGES=_SMALL, WHITENOISE_USE_FINDERS=False):
            call_command("collectstatic", interactive=False, verbosity=0)
            yield
    finally:
        del os.environ["STATIC_ROOT"]
