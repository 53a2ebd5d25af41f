"""The bytes of files in conversations: sealed under their person's key, in a folder of their own, and gone with the row
that needs them.

Who keeps bytes and who removes them hold the same lock of the database, so that what somebody brings in is never
removed because somebody else deletes the same. Plain bytes are on disk only while they come, and while the process
that reads them is at work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePath

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.sealed.files import key_id_of_file, opened_pieces, sealed_pieces
from accounts.sealed.person_keys import KeyDestroyedError, key_of
from accounts.sealed.rotating import Pass
from app.errors import NotFoundError
from chat.composing.in_files import bytes_name
from chat.models import Attachment
from knowledge.files import Draft, path_of, pieces_of

FOLDER = "chat/"
STRAY_AFTER = timedelta(hours=1)
AT_ONCE = 20
_SEALING_ADDS = 4096


def keep(draft: Draft, file: Attachment) -> str:
    """Keep bytes of a file, in the transaction that writes the row which needs them; where they lie."""
    sealed = sealed_pieces(key_of(file.owner_id), bytes_name(file.pk), pieces_of(draft.path))
    with Draft(sealed, most_bytes=2 * draft.size_bytes + _SEALING_ADDS) as kept:
        _hold(kept.sha256)
        return kept.keep(FOLDER).place


def pieces_at(place: str, file: Attachment) -> Iterator[bytes]:
    """The bytes at one of the places of a file. Raises NotFoundError when they are not there, or were erased."""
    return opened_pieces(path_of(place or "none"), bytes_name(file.pk))


@contextmanager
def plain(file: Attachment) -> Iterator[Path]:
    """The file as it came, at a path for as long as the context lasts. Raises as ``pieces_at``."""
    path = path_of(file.file or "none")
    if path.is_file() and key_id_of_file(path) is None:
        yield path
        return
    with Draft(pieces_at(file.file, file), most_bytes=file.size_bytes) as draft:
        yield draft.path


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
    for path in (root / "drafts").glob("*"):  # of a process that was killed while it had them
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < old:
                path.unlink()
    return len(strays)


def _hold(sha256: str) -> None:
    """Alone with these bytes until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"chat file {sha256}"])


def seal_anew(found: Pass) -> Iterator[int]:
    """Seal the bytes of all files under their persons' present keys. Those that are being read wait."""
    last = None
    rows = Attachment.objects.only("owner", "state", "file", "picture", "thumbnail").order_by("pk")
    while batch := list((rows if last is None else rows.filter(pk__gt=last))[:AT_ONCE]):
        for file in batch:
            for column in ("file", "picture", "thumbnail"):
                _seal_anew(file, column, found)
        last = batch[-1].pk
        yield len(batch)


def _seal_anew(file: Attachment, column: str, found: Pass) -> None:
    place = getattr(file, column)
    path = path_of(place or "none")
    if not path.is_file():
        return
    before = key_id_of_file(path)
    try:
        if before == key_of(file.owner_id).id:
            return
        if file.is_under_way:
            found.left |= {before} if before else set()
            return
        with Draft(pieces_at(place, file), most_bytes=2 * path.stat().st_size) as draft, transaction.atomic():
            there = Attachment.objects.filter(pk=file.pk, **{column: place})
            if there.update(**{column: keep(draft, file)}):
                found.sealed += 1
                transaction.on_commit(partial(drop, [place]))
    except (KeyDestroyedError, NotFoundError):
        return
