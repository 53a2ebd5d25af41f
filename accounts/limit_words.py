"""Limits in words: whose, how much, in which period, and what is said to whoever meets one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.conf import settings

from accounts.models import Limit
from accounts.periods import turn_in_words

Subject, Measure = Limit.Subject, Limit.Measure


def money(amount: Decimal | float) -> str:
    """``"12.50 EUR"``; small sums with up to four decimals, and what is smaller still as less than that."""
    amount = Decimal(amount)
    if 0 < amount < Decimal("0.0001"):
        return f"less than 0.0001 {settings.CURRENCY}"
    text = f"{amount:,.4f}" if abs(amount) < 1 else f"{amount:,.2f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')} {settings.CURRENCY}"


def amount_in_words(measure: str, amount: Decimal) -> str:
    """``"100 questions"``, ``"1 question"``, ``"20,000 tokens"``, ``"50.00 EUR"``."""
    if measure == Measure.MONEY:
        return money(amount)
    word = measure.removesuffix("s") if amount == 1 else measure
    return f"{amount:,.0f} {word}"


def limit_in_words(limit: Limit) -> str:
    """``"100 questions a day"``."""
    return f"{amount_in_words(limit.measure, limit.amount)} {limit.get_period_display()}"


def whose(limit: Limit) -> str:
    """Whom it holds for, as a table says it."""
    if limit.subject in (Subject.EACH, Subject.ALL):
        return limit.get_subject_display().capitalize()
    return limit.subject_name


def _owner(limit: Limit) -> tuple[str, str]:
    """Who has used it up, and the word for theirs."""
    return {
        Subject.GROUP: (f"Your group {limit.subject_name} has", "its"),
        Subject.KEY: (f"The API key {limit.subject_name} has", "its"),
        Subject.ASSISTANT: (f"The assistant {limit.subject_name} has", "its"),
        Subject.ALL: ("Everybody together has", "the"),
    }.get(Subject(limit.subject), ("You have", "your"))


def reached(limit: Limit, *, need: Decimal, used: Decimal, now: datetime) -> str:
    """Why something was refused, when it goes again, and whom to ask. ``need`` is what it could have used up."""
    who, their = _owner(limit)
    turn = turn_in_words(limit.period, now)
    ask = f"If you need more, ask {limit.created_by or 'an administrator'}."
    if need > limit.amount > 0 and limit.measure != Measure.QUESTIONS:
        needed = amount_in_words(limit.measure, need)
        return f"One answer may need {needed}, and {their} limit is {limit_in_words(limit)}. {ask}"
    if limit.measure != Measure.QUESTIONS and used + need <= limit.amount:
        return f"The rest of {their} {limit_in_words(limit)} is set aside for answers under way. Try again in a moment."
    if limit.measure != Measure.QUESTIONS and used < limit.amount:
        left = amount_in_words(limit.measure, limit.amount - used)
        rest = f"{left} left of {their} {limit_in_words(limit)}, too little for an answer"
        return f"{who} {rest}. It begins anew {turn}. {ask}"
    return f"{who} used up {their} {limit_in_words(limit)}. It begins anew {turn}. {ask}"


def near(limit: Limit, *, used: Decimal, now: datetime) -> str:
    """What somebody is told who comes near to it."""
    who, their = _owner(limit)
    turn = turn_in_words(limit.period, now)
    if used >= limit.amount:
        return f"{who} used up {their} {limit_in_words(limit)}. It begins anew {turn}."
    percent = int(100 * used / limit.amount)
    return f"{who} used {percent} % of {their} {limit_in_words(limit)}. It begins anew {turn}."
