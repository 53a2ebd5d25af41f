"""The bytes of files in conversations: kept by their SHA-256 in a folder of their own, once, and gone with the last
that needs them.

Who keeps bytes and who removes them hold the same lock of the database, so that what somebody brings in is never
removed because somebody else deletes the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path, PurePath

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import Attachment
from knowledge.files import Draft, StoredFile, path_of

FOLDER = "chat/"
STRAY_AFTER = timedelta(hours=1)


def keep(draft: Draft) -> StoredFile:
    """Keep bytes, in the transaction that writes the row which needs them."""
    _hold(draft.sha256)
    return draft.keep(FOLDER)


def drop(places: Iterable[str]) -> None:
    """Remove the bytes at ``places`` that no row needs any more. After the transaction that deleted the row."""
    for place in places:
        with transaction.atomic():
            _hold(PurePath(place).name)
            if not Attachment.objects.filter(Q(file=place) | Q(picture=place) | Q(thumbnail=place)).exists():
                path_of(place).unlink(missing_ok=True)


def drop_strays() -> int:
    """Remove what no row needs although nobody removed it, because a process died in between; how many there were."""
    needed = {place for row in Attachment.objects.values_list("file", "picture", "thumbnail") for place in row}
    root = Path(settings.FILES_ROOT)
    old = (timezone.now() - STRAY_AFTER).timestamp()
    there = (path for path in (root / FOLDER).rglob("*") if path.is_file() and path.stat().st_mtime < old)
    strays = [place for path in there if (place := path.relative_to(root).as_posix()) not in needed]
    drop(strays)
    return len(strays)


def _hold(sha256: str) -> None:
    """Alone with these bytes until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"chat file {sha256}"])
