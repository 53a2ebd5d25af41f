"""The worker's part of an export of everything: writing it, and removing it when its day is over."""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import override

from accounts import audit
from accounts.languages import language_of
from chat.exporting.everything import write_everything
from chat.models import Export

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=1)
LOST_AFTER = timedelta(minutes=5)
TOLD_EVERY = 10  # conversations


def write_export(export_id: UUID) -> None:
    """The worker's part: claim it, write it, say that it is there. Quiet when somebody else does, or it is gone."""
    now = timezone.now()
    waits = Q(state=Export.State.QUEUED) | Q(state=Export.State.RUNNING, touched_at__lt=now - LOST_AFTER)
    own = Export.objects.filter(pk=export_id)
    if not own.filter(waits).update(state=Export.State.RUNNING, touched_at=now):
        return
    export = Export.objects.select_related("owner").get(pk=export_id)
    path = path_of(export)
    try:
        with override(language_of(export.owner)):
            count = write_everything(export.owner, path, partial(_tell, export_id))
    except Exception:  # whatever it is: left as it is, it would be begun anew every few minutes, and fail again
        log.exception("export %s could not be written", export_id)
        own.update(state=Export.State.FAILED, expires_at=now + KEPT_FOR)
        return
    with transaction.atomic():
        size = path.stat().st_size
        is_there = own.update(
            state=Export.State.DONE, written=count, size_bytes=size, expires_at=timezone.now() + KEPT_FOR
        )
        if is_there:
            payload = {"conversations": count, "bytes": size}
            audit.record(actor=export.owner, action="account.export", obj=export, payload=payload)
    if not is_there:  # given up meanwhile
        path.unlink(missing_ok=True)


def _tell(export_id: UUID, written: int, total: int) -> None:
    if written % TOLD_EVERY == 0 or written == total:
        Export.objects.filter(pk=export_id).update(written=written, total=total, touched_at=timezone.now())


def find_lost() -> list[UUID]:
    """Exports that nobody writes: their task was lost, or its worker died."""
    before = timezone.now() - LOST_AFTER
    lost = Export.objects.filter(state__in=Export.UNDER_WAY, touched_at__lt=before)
    return list(lost.values_list("pk", flat=True)[:100])


def remove_expired() -> int:
    """Remove the files whose day is over; how many. Besides, what no export needs although nobody removed it."""
    over = list(Export.objects.filter(expires_at__lte=timezone.now())[:500])
    for export in over:
        path_of(export).unlink(missing_ok=True)
    Export.objects.filter(pk__in=[one.pk for one in over]).delete()
    _remove_strays()
    return len(over)


def _remove_strays() -> None:
    """Remove drafts whose worker was killed, and files whose person is gone: all that a day has not touched."""
    before = (timezone.now() - KEPT_FOR).timestamp()
    needed = {path_of(export) for export in Export.objects.only("pk")}
    for path in _folder().glob("*"):
        with contextlib.suppress(FileNotFoundError):  # somebody else removed it
            if path not in needed and path.stat().st_mtime < before:
                path.unlink()


def remove_file(export: Export) -> None:
    """What was written of it, and what is being written."""
    for path in (path_of(export), *_folder().glob(f".new-{export.pk}-*")):
        path.unlink(missing_ok=True)


def _folder() -> Path:
    return Path(settings.FILES_ROOT) / "exports"


def path_of(export: Export) -> Path:
    """Where the file lies, named by Parley."""
    return _folder() / f"{export.pk}.zip"
