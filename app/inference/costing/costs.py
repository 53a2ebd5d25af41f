"""What an answer costs in money and energy: arithmetic alone, on plain values.

Money follows the model's prices of the moment and the tokens that its server counted. A server that does not tell, or
was stopped before it could, leaves characters to go by: about four to a token. Energy is always an estimate: the
answer's share of what a fully used server draws, for the seconds that it was there (see ``occupancy``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CHARACTERS_PER_TOKEN = 4
MILLION = Decimal(1_000_000)
SMALLEST = Decimal("0.000001")
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, and what one server of the model draws in watts, where that is known."""

    per_million_in: Decimal = NOTHING
    per_million_cached: Decimal = NOTHING
    per_million_out: Decimal = NOTHING
    watts: int | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What was read and written. ``cached`` is the part of ``read`` that the server still had."""

    read: int = 0
    cached: int = 0
    written: int = 0
    is_estimate: bool = False

    @property
    def all(self) -> int:
        return self.read + self.written


def counted(
    read: int | None, cached: int | None, written: int | None, *, characters_read: int, characters_written: int
) -> Tokens:
    """The server's own counts, and an estimate by characters in place of those it did not tell."""
    is_estimate = read is None or written is None
    read = tokens_in(characters_read) if read is None else max(0, read)
    written = tokens_in(characters_written) if written is None else max(0, written)
    return Tokens(read, min(max(0, cached or 0), read), written, is_estimate)


def tokens_in(characters: int) -> int:
    """About how many tokens a text of so many characters has."""
    return math.ceil(max(0, characters) / CHARACTERS_PER_TOKEN)


def cost_of(tokens: Tokens, prices: Prices) -> Decimal:
    """In the house's currency, to a millionth."""
    whole = (
        (tokens.read - tokens.cached) * prices.per_million_in
        + tokens.cached * prices.per_million_cached
        + tokens.written * prices.per_million_out
    )
    return (whole / MILLION).quantize(SMALLEST, ROUND_HALF_UP)


def most_of(tokens: Tokens, prices: Prices) -> Decimal:
    """What so many tokens can cost at most: as if the server had none of them, or had all at a higher price."""
    dearest_in = max(prices.per_million_in, prices.per_million_cached)
    whole = tokens.read * dearest_in + tokens.written * prices.per_million_out
    return (whole / MILLION).quantize(SMALLEST, ROUND_HALF_UP)


def watt_hours_of(watts: int | None, share_seconds: float) -> float | None:
    """Energy of so many seconds of a whole server; None where nobody said what it draws."""
    return None if watts is None else round(watts * max(0.0, share_seconds) / 3600, 6)
