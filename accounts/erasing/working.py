"""The worker's part of erasing a person: kind by kind, in batches, each its own transaction with its count.

Every step finds only what is still there, so it does not matter where the process before was killed, or whether two
are at it. A hold that comes meanwhile stops it before the next batch, and when it ends the rest goes. The row of the
person stays as "Erased person N", with nothing of theirs in it, because decisions and documents of others refer to it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import audit
from accounts.erasing.holdings import Holding, holdings
from accounts.erasing.standing import accounts_of
from accounts.erasing.traces import remove_traces
from accounts.models import Erasure, User
from accounts.retention.holding import is_held

log = logging.getLogger(__name__)

AT_ONCE = 100
LOST_AFTER = timedelta(minutes=2)  # a batch takes a second


def erase(erasure_id: int) -> bool:
    """Erase what is left; whether it is done. Quiet when somebody else is at it, or a hold is in the way."""
    now = timezone.now()
    free = Q(touched_at=None) | Q(touched_at__lt=now - LOST_AFTER)
    if not Erasure.objects.under_way().filter(free, pk=erasure_id).update(touched_at=now):
        return False
    erasure = Erasure.objects.select_related("person").get(pk=erasure_id)
    people = accounts_of(erasure.person)
    if any(is_held(person) for person in people):
        log.warning("Erasure %s waits for the end of a legal hold", erasure.pk)
        return False
    for person in people:
        for holding in holdings():
            while _erase_some(erasure, person, holding):
                if is_held(person):
                    return False
    traces: dict[str, int] = {}
    for person in people:
        traces = {name: traces.get(name, 0) + count for name, count in remove_traces(person).items()}
    _end(erasure, people, traces)
    return True


def find_lost() -> list[int]:
    """Those that nobody works on, though they were begun: their worker died, its task was lost, or a hold ended."""
    before = timezone.now() - LOST_AFTER
    lost = Erasure.objects.under_way().filter(Q(touched_at__lt=before) | Q(touched_at=None, begun_at__lt=before))
    return list(lost.values_list("pk", flat=True))


def _erase_some(erasure: Erasure, person: User, holding: Holding) -> bool:
    """A batch of one kind; whether there may be more."""
    if holding.erase is None:
        return False
    with transaction.atomic():
        kept = Erasure.objects.select_for_update().get(pk=erasure.pk)
        count = holding.erase(person, AT_ONCE)
        if count:
            kept.counts[holding.name] = kept.counts.get(holding.name, 0) + count
        kept.step, kept.touched_at = holding.name, timezone.now()
        kept.save(update_fields=["counts", "step", "touched_at"])
    return count > 0


def _end(erasure: Erasure, people: list[User], traces: dict[str, int]) -> None:
    """The last of it in one transaction: the row is nobody's any more, and the log says what went."""
    with transaction.atomic():
        kept = Erasure.objects.select_for_update().get(pk=erasure.pk)
        if kept.state == Erasure.State.DONE:
            return
        for person in people:
            _make_nobody(person, str(kept))
        kept.state, kept.ended_at, kept.step = Erasure.State.DONE, timezone.now(), ""
        kept.save(update_fields=["state", "ended_at", "step"])
        payload = {"erasure": kept.pk, "accounts": len(people), "erased": kept.counts, "traces": traces}
        audit.record(actor=kept.begun_by or audit.SYSTEM, action="account.erase", obj=erasure.person, payload=payload)


def _make_nobody(person: User, name: str) -> None:
    nobody: dict[str, Any] = {
        "email": f"{person.pk}@erased.invalid",
        "name": name,
        "password": "!",
        "roles": [],
        "is_active": False,
        "is_staff": False,
        "is_superuser": False,
        "suspended_reason": "Erased.",
        "language": "",
        "wants_reminders": False,
        "last_login": None,
        "created_at": timezone.now(),
        "session_round": F("session_round") + 1,
    }
    person.user_permissions.clear()
    person.groups.clear()
    User.objects.filter(pk=person.pk).update(**nobody)
