"""Counting against limits: exact whoever asks at once, and free where no limit applies.

A count is a row for a limit, its holder and the period at hand. Taking from it is one conditional upsert in the
transaction of what it is taken for, for all limits at once and in a fixed order: PostgreSQL lets exactly as many
through as there is room for, and what is rolled back was never taken. Tokens and money are known at the end only, so
the most that an answer may need is set aside when it is asked for, and settled with the answer
(``accounts.limits.spending``): what is allowed is never overshot by more than a prompt was longer than thought.

Which limits there are is read from a copy some seconds old. A new one therefore holds everywhere after that time; the
amounts are those of the table at every count.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts import audit
from accounts.errors import LimitReachedError, Refusal
from accounts.limits.periods import begin_of, until_turn
from accounts.limits.words import reached
from accounts.models import Limit, LimitCount, User

FRESH_SECONDS = 3.0
SOON_SECONDS = 5.0  # after which answers under way may have given back what was set aside for them
NOTHING = Decimal(0)

Subject, Measure = Limit.Subject, Limit.Measure
_lock = threading.Lock()
_copy: tuple[float, list[Limit]] = (float("-inf"), [])


@dataclass(frozen=True, slots=True)
class Need:
    """What something uses up, or may use up at most."""

    tokens: int = 0
    cost: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class _Claim:
    limit: Limit
    holder_id: UUID
    began_at: datetime
    used: Decimal
    reserved: Decimal


@contextmanager
def within_limits() -> Iterator[None]:
    """A transaction in which a limit may refuse: the refusal is recorded although its deed is rolled back."""
    try:
        with transaction.atomic():
            yield
    except LimitReachedError as error:
        if not connection.in_atomic_block:  # else the outermost one does it
            with transaction.atomic():
                _note(error.refusal)
        raise


def take_question(
    actor: User, *, assistant_id: UUID, answer_id: UUID, most: Callable[[], Need], now: datetime | None = None
) -> None:
    """Count a question and set aside what its answer may need. Call it within ``within_limits``.

    ``most`` is asked only when tokens or money are limited. Raises LimitReachedError where there is no room; without
    any limit that applies it runs no statement.
    """
    now = now or timezone.now()
    limits = limits_on(actor, assistant_id)
    need = most() if any(limit.measure != Measure.QUESTIONS for limit in limits) else Need()
    claims = [_claim(limit, actor, now, used=_QUESTION, reserved=need) for limit in limits]
    _take(actor, claims, answer_id, now)


def take_at_once(actor: User, *, need: Need, now: datetime | None = None) -> None:
    """Count what is known beforehand, such as the tokens of a text to embed. It is no question.

    Raises LimitReachedError where there is no room. Call it within ``within_limits``.
    """
    now = now or timezone.now()
    claims = [_claim(limit, actor, now, used=_of(need), reserved=Need()) for limit in limits_on(actor, None)]
    _take(actor, claims, None, now)


_QUESTION = {Measure.QUESTIONS: Decimal(1)}


def _of(need: Need) -> dict[Limit.Measure, Decimal]:
    return {Measure.TOKENS: Decimal(need.tokens), Measure.MONEY: need.cost}


def _claim(limit: Limit, actor: User, now: datetime, *, used: dict[Limit.Measure, Decimal], reserved: Need) -> _Claim:
    measure = Measure(limit.measure)
    began_at = begin_of(limit.period, now)
    return _Claim(
        limit, holder_of(limit, actor), began_at, used.get(measure, NOTHING), _of(reserved).get(measure, NOTHING)
    )


def holder_of(limit: Limit, person: User) -> UUID:
    """Whose count of this limit a person's deeds go to."""
    return person.pk if limit.subject == Subject.EACH else limit.pk


def limits_on(actor: User, assistant_id: UUID | None) -> list[Limit]:
    """The limits that apply when this person uses this assistant, or none, by the key they came with if any."""
    limits = live_limits()
    if not limits:
        return []
    groups = set(actor.group_ids()) if any(limit.subject == Subject.GROUP for limit in limits) else set()
    subjects: dict[Limit.Subject, set[Any]] = {
        Subject.EACH: {None},
        Subject.ALL: {None},
        Subject.PERSON: {actor.pk},
        Subject.GROUP: groups,
        Subject.KEY: {actor.key_id} - {None},
        Subject.PROGRAM: {actor.key_id} - {None},
        Subject.ASSISTANT: {assistant_id} - {None},
    }
    return [limit for limit in limits if limit.subject_id in subjects[Subject(limit.subject)]]


def live_limits() -> list[Limit]:
    """All limits in force, from the copy. Raises the database's error when it cannot be read anew: a limit that is
    not known cannot be kept."""
    global _copy
    with _lock:
        read_at, limits = _copy
    if time.monotonic() - read_at >= FRESH_SECONDS:
        read_at, limits = time.monotonic(), list(Limit.objects.live().order_by("pk"))
        with _lock:
            _copy = read_at, limits
    return limits


def forget() -> None:
    """Read the limits anew at the next question, for whoever has just changed them."""
    global _copy
    with _lock:
        _copy = (float("-inf"), [])


# Rows are taken in the order of their limits, so that two questions never wait for each other. A limit removed since
# the copy was read refuses nobody.
_TAKE = """
with wanted as (
    select * from unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::numeric[], %s::numeric[])
        as wanted (limit_id, holder_id, began_at, used, reserved)
), room as (
    select wanted.*, case when removed_at is null then amount else 'Infinity' end as amount
    from wanted join accounts_limit on accounts_limit.id = wanted.limit_id
), taken as (
    insert into accounts_limitcount as kept (limit_id, holder_id, began_at, used, reserved)
    select limit_id, holder_id, began_at, used, reserved from room where used + reserved <= amount order by limit_id
    on conflict (limit_id, holder_id, began_at) do update
    set used = kept.used + excluded.used, reserved = kept.reserved + excluded.reserved
    where kept.used + kept.reserved + excluded.used + excluded.reserved
        <= (select amount from room where room.limit_id = kept.limit_id)
    returning id, limit_id
), reserved as (
    insert into accounts_reservation (answer_id, count_id, amount)
    select %s, taken.id, wanted.reserved from taken join wanted using (limit_id) where wanted.reserved > 0
)
select limit_id from taken
"""


def _take(actor: User, claims: Sequence[_Claim], answer_id: UUID | None, now: datetime) -> None:
    claims = [claim for claim in claims if claim.used or claim.reserved]
    if not claims:
        return
    columns: list[Any] = [
        [claim.limit.pk for claim in claims],
        [claim.holder_id for claim in claims],
        [claim.began_at for claim in claims],
        [claim.used for claim in claims],
        [claim.reserved for claim in claims],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [*columns, answer_id])
        taken = {row[0] for row in cursor.fetchall()}
    if refusing := [claim for claim in claims if claim.limit.pk not in taken]:
        _refuse(actor, refusing, now)


def _refuse(actor: User, refusing: Sequence[_Claim], now: datetime) -> None:
    """Say no, in the words of the limit that will say it longest."""
    claim = max(refusing, key=lambda one: until_turn(one.limit.period, now))
    count = LimitCount.objects.filter(limit=claim.limit, holder_id=claim.holder_id, began_at=claim.began_at).first()
    limit = Limit.objects.select_related("created_by").get(pk=claim.limit.pk)  # as it is now, not as in the copy
    used, need = count.used if count else NOTHING, claim.used + claim.reserved
    is_set_aside = used + need <= limit.amount
    raise LimitReachedError(
        reached(limit, need=need, used=used, now=now),
        retry_after=SOON_SECONDS if is_set_aside else until_turn(limit.period, now),
        refusal=Refusal(actor.pk, claim.limit.pk, claim.holder_id, claim.began_at),
    )


_REFUSE = """
insert into accounts_limitcount as kept (limit_id, holder_id, began_at, refused) values (%s, %s, %s, 1)
on conflict (limit_id, holder_id, began_at) do update set refused = kept.refused + 1
returning refused
"""


def _note(refusal: Refusal) -> None:
    """Count the refusal; the first of a period goes to the audit log, so that a program that asks in vain all night
    does not fill it."""
    with connection.cursor() as cursor:
        cursor.execute(_REFUSE, [refusal.limit_id, refusal.holder_id, refusal.began_at])
        refused = cursor.fetchone()
    if refused and refused[0] == 1:
        audit.record(
            actor=str(refusal.actor_id),
            action="limit.reached",
            obj=f"limit:{refusal.limit_id}",
            outcome="denied",
            payload={"holder": refusal.holder_id, "since": refusal.began_at},
        )
