"""Usage as a file: who used up how much leaves the house with it, so it is audited."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import transaction

from accounts import audit, rights
from accounts.limits.usage import summed
from accounts.models import User
from app.operations.names import named
from app.web.csv_export import write_csv


def export_usage(actor: User, *, by: str, begin: date, end: date) -> str:
    """The sums as CSV. Raises BadInputError for a way of summing or a span that there is not."""
    rights.require(actor, "usage.read")
    lines = named(by, summed(by, begin, end))
    with transaction.atomic():
        payload = {"by": by, "from": begin, "to": end, "lines": len(lines)}
        audit.record(actor=actor, action="usage.export", payload=payload)
    cost = f"cost_{settings.CURRENCY.lower()}"
    columns = [by, "id", "answers", "tokens_in", "tokens_cached", "tokens_out", "seconds", cost, "watt_hours"]
    return write_csv(
        columns,
        [
            [
                line.name,
                "" if by in ("day", "model") else str(line.key or ""),
                line.sums.answers,
                line.sums.tokens_in,
                line.sums.tokens_cached,
                line.sums.tokens_out,
                round(line.sums.seconds, 3),
                line.sums.cost,
                round(line.sums.watt_hours, 6),
            ]
            for line in lines
        ],
    )
