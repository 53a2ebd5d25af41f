"""The ledger of what answers used up: a row for each day, person, assistant, model and key, added to and never read
on the way of an answer.

One statement in an answer's last transaction adds to the ledger and settles what was set aside for it, so that sums,
limits and the answer itself are there together or not at all. Callers bring plain values: nothing here knows chat.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.limits.counting import Need, take_at_once, within_limits
from accounts.models import User
from app.inference.costing.costs import NOTHING, Tokens, cost_of, tokens_in
from app.inference.costing.pricing import prices_of

NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Spent:
    """What one answer used up, and whose it was. ``seconds`` are those on a model server."""

    user_id: UUID
    assistant_id: UUID | None = None
    model_name: str = ""
    key_id: UUID | None = None
    answers: int = 1
    tokens: Tokens = NO_TOKENS
    seconds: float = 0.0
    cost: Decimal = NOTHING
    watt_hours: float = 0.0


# Counts are locked in the order in which questions take them.
_RECORD = """
with gone as (
    delete from accounts_reservation where answer_id = %s returning count_id, amount
), locked as (
    select counts.id, gone.amount, limits.measure
    from accounts_limitcount counts
    join gone on gone.count_id = counts.id
    join accounts_limit limits on limits.id = counts.limit_id
    order by counts.limit_id, counts.holder_id, counts.began_at
    for update of counts
), settled as (
    update accounts_limitcount counts
    set reserved = counts.reserved - locked.amount,
        used = counts.used + case locked.measure when 'tokens' then %s::numeric else %s::numeric end
    from locked where counts.id = locked.id
)
insert into accounts_spending as spent (
    day, user_id, assistant_id, model_name, key_id,
    answers, tokens_in, tokens_cached, tokens_out, seconds, cost, watt_hours
) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (day, user_id, assistant_id, model_name, key_id) where user_id is not null do update set
    answers = spent.answers + excluded.answers,
    tokens_in = spent.tokens_in + excluded.tokens_in,
    tokens_cached = spent.tokens_cached + excluded.tokens_cached,
    tokens_out = spent.tokens_out + excluded.tokens_out,
    seconds = spent.seconds + excluded.seconds,
    cost = spent.cost + excluded.cost,
    watt_hours = spent.watt_hours + excluded.watt_hours
"""


def record_spending(spent: Spent, *, answer_id: UUID | None = None, now: datetime | None = None) -> None:
    """Add to the ledger, and settle what was set aside for the answer of this id. One statement; in a transaction."""
    tokens = spent.tokens
    values = [
        answer_id,
        tokens.all,
        spent.cost,
        (now or timezone.now()).astimezone(UTC).date(),
        spent.user_id,
        spent.assistant_id,
        spent.model_name,
        spent.key_id,
        spent.answers,
        tokens.read,
        tokens.cached,
        tokens.written,
        spent.seconds,
        spent.cost,
        spent.watt_hours,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, values)


def spend_on_embedding(actor: User, *, model_name: str, characters: int) -> Tokens:
    """Count a text that a program has embedded, or searches with: its tokens, by their characters, at once.

    It is neither a question nor an answer. Raises LimitReachedError, and then nothing may be embedded.
    """
    tokens = Tokens(read=tokens_in(characters), is_estimate=True)
    cost = cost_of(tokens, prices_of(model_name))
    with within_limits():
        take_at_once(actor, need=Need(tokens.all, cost))
        record_spending(
            Spent(actor.pk, model_name=model_name, key_id=actor.key_id, answers=0, tokens=tokens, cost=cost)
        )
    return tokens
