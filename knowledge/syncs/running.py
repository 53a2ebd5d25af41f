"""The life of a sync's row: begun, owned by one worker under a lease, kept up to date while it runs, ended.

``attempts`` rises with every owner and is the fence: one who was taken over from finds that out at its next write and
stops. A source has one live sync at most; the database sees to that. Pausing or deleting a source ends its sync.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import TracebackType
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.audit import record
from accounts.models import User
from knowledge.models import Source, Sync
from knowledge.publication.publishing import ACTOR
from knowledge.syncs.tallying import Tally

LEASE = timedelta(seconds=45)
TRIES = 5
LIVE = (Sync.State.QUEUED, Sync.State.RUNNING)
_BEAT_SECONDS = 1.0
_RENEW_SECONDS = 8.0
_INTERRUPTED = "It was interrupted."


class SupersededError(Exception):
    """Somebody else runs this sync now, or it was ended."""


def begin(source: Source, *, actor: User | str, cause: Sync.Cause = Sync.Cause.HAND) -> tuple[Sync, bool]:
    """The source's sync that waits to be run or runs already, and whether it is new; in the caller's transaction."""
    Source.objects.select_for_update().get(pk=source.pk)
    live = Sync.objects.filter(source=source, state__in=LIVE).first()
    if live:
        return live, False
    sync = Sync.objects.create(source=source, cause=cause)
    record(actor=actor, action="source.sync", obj=source, payload={"sync": str(sync.pk), "cause": cause})
    return sync, True


def claim(sync_id: UUID) -> Sync | None:
    """The sync, ours for LEASE; None when it has ended or another has it."""
    now = timezone.now()
    free = Q(state=Sync.State.QUEUED) | Q(state=Sync.State.RUNNING, lease_until__lt=now)
    free |= Q(state=Sync.State.RUNNING, lease_until=None)
    claimed = Sync.objects.filter(free, pk=sync_id).update(
        state=Sync.State.RUNNING, attempts=F("attempts") + 1, lease_until=now + LEASE
    )
    return Sync.objects.select_related("source__owner").get(pk=sync_id) if claimed else None


@contextlib.contextmanager
def fenced(sync: Sync) -> Iterator[None]:
    """A transaction that only the present owner of the sync gets through. Raises SupersededError."""
    with transaction.atomic():
        ours = Sync.objects.select_for_update(no_key=True).filter(
            pk=sync.pk, attempts=sync.attempts, state=Sync.State.RUNNING
        )
        if not ours.values_list("pk", flat=True).first():
            raise SupersededError
        yield


class Pulse:
    """Keeps a sync's lease and its counts in the database up to date, from a thread of its own.

    ``also`` is called whenever the lease is renewed.
    """

    def __init__(self, sync: Sync, tally: Tally, also: Callable[[], None]) -> None:
        self._sync, self._tally, self._also = sync, tally, also
        self._is_lost = False
        self._written: dict[str, Any] = {}
        self._renewed = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="sync-pulse", daemon=True)

    def check(self) -> None:
        """Raises SupersededError once the sync is no longer ours."""
        if self._is_lost:
            raise SupersededError

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._ended.wait(_BEAT_SECONDS) and not self._is_lost:
                try:
                    self._write()
                except DatabaseError:  # it may come back before the lease has run out
                    connection.close()
        finally:
            connection.close()

    def _write(self) -> None:
        values = self._tally.values()
        is_due = time.monotonic() - self._renewed > _RENEW_SECONDS
        if values == self._written and not is_due:
            return
        ours = Sync.objects.filter(pk=self._sync.pk, attempts=self._sync.attempts, state=Sync.State.RUNNING)
        self._is_lost = not ours.update(lease_until=timezone.now() + LEASE, **values)
        self._written = values
        if is_due:
            self._also()
            self._renewed = time.monotonic()


def end(sync: Sync, tally: Tally, *, failed: str = "") -> None:
    """Write what a run found, with one audit event; ``failed`` is the reason why it did not come to its end.

    Raises SupersededError.
    """
    values = tally.values()
    if failed:
        values["failures"] = [{"key": "", "reason": failed}, *values["failures"]]
    with fenced(sync):
        for name, value in values.items():
            setattr(sync, name, value)
        sync.state = Sync.State.FAILED if failed else Sync.State.DONE
        sync.finished_at, sync.lease_until = timezone.now(), None
        sync.save(update_fields=[*values, "state", "finished_at", "lease_until"])
        _record_end(sync, {name: value for name, value in values.items() if name != "failures"})


def end_live(source: Source, reason: str) -> None:
    """End the source's live sync from outside, in the caller's transaction; whoever runs it stops soon."""
    for sync in Sync.objects.select_for_update().filter(source=source, state__in=LIVE):
        _break_off(sync, reason)


def find_forgotten() -> list[UUID]:
    """Syncs to be run that nobody runs: their task was lost, or their worker died. Each is named once a minute.

    One that was broken off too often, or was run by a command, ends as failed.
    """
    now = timezone.now()
    dead = Q(state=Sync.State.RUNNING) & (Q(lease_until=None) | Q(lease_until__lt=now))
    lost = Q(state=Sync.State.QUEUED, started_at__lt=now - LEASE) & (Q(lease_until=None) | Q(lease_until__lt=now))
    forgotten: list[UUID] = []
    with transaction.atomic():
        for sync in Sync.objects.select_for_update(skip_locked=True, of=("self",)).filter(dead | lost)[:100]:
            if sync.cause == Sync.Cause.COMMAND or sync.attempts >= TRIES:
                _break_off(sync, _INTERRUPTED)
                continue
            sync.state, sync.lease_until = Sync.State.QUEUED, now + LEASE
            sync.save(update_fields=["state", "lease_until"])
            forgotten.append(sync.pk)
    return forgotten


def _break_off(sync: Sync, reason: str) -> None:
    sync.state, sync.finished_at, sync.lease_until = Sync.State.FAILED, timezone.now(), None
    sync.failures = [{"key": "", "reason": reason}, *sync.failures]
    sync.save(update_fields=["state", "finished_at", "lease_until", "failures"])
    _record_end(sync, {})


def _record_end(sync: Sync, counts: dict[str, Any]) -> None:
    outcome = "failed" if sync.state == Sync.State.FAILED else "ok"
    payload = {"sync": str(sync.pk)} | counts
    record(actor=ACTOR, action="source.synced", obj=f"source:{sync.source_id}", outcome=outcome, payload=payload)
