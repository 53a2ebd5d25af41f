"""Money, energy and limits as templates say them."""

from __future__ import annotations

from decimal import Decimal

from django import template

from accounts.limits import words as limit_words
from accounts.models import Limit
from app.web.saying import written

register = template.Library()


@register.filter
def money(amount: Decimal | float) -> str:
    """``12.50 EUR``."""
    return limit_words.money(amount)


@register.filter
def energy(watt_hours: float) -> str:
    """``0.8 Wh``, ``1.25 kWh``."""
    if watt_hours >= 1000:
        return f"{written(watt_hours / 1000, 2)} kWh"
    if watt_hours >= 1 or not watt_hours:
        return f"{written(watt_hours, 1)} Wh"
    return f"{written(float(f'{watt_hours:.3g}'), None)} Wh"


@register.filter
def whose(limit: Limit) -> str:
    """Whom it holds for."""
    return limit_words.whose(limit)


@register.filter
def in_words(limit: Limit) -> str:
    """``100 questions a day``."""
    return limit_words.limit_in_words(limit)


@register.filter
def amount_of(amount: Decimal, limit: Limit) -> str:
    """An amount in the limit's measure: ``20 questions``."""
    return limit_words.amount_in_words(limit.measure, amount)
