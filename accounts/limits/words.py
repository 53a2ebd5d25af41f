"""Limits in words: whose, how much, in which period, and what is said to whoever meets one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.limits.periods import turn_in_words
from accounts.models import Limit
from app.web.saying import written

Subject, Measure = Limit.Subject, Limit.Measure


def money(amount: Decimal | float) -> str:
    """``"12.50 EUR"``; small sums with up to four decimals, and what is smaller still as less than that."""
    amount = Decimal(amount)
    if 0 < amount < Decimal("0.0001"):
        return _("less than %(amount)s") % {"amount": f"{written(0.0001, 4)} {settings.CURRENCY}"}
    text = f"{amount:.4f}" if abs(amount) < 1 else f"{amount:.2f}"
    decimals = len(text.partition(".")[2].rstrip("0").ljust(2, "0"))
    return f"{written(amount, decimals)} {settings.CURRENCY}"


def amount_in_words(measure: str, amount: Decimal) -> str:
    """``"100 questions"``, ``"1 question"``, ``"20,000 tokens"``, ``"50.00 EUR"``."""
    if measure == Measure.MONEY:
        return money(amount)
    count = round(amount)
    number = {"number": written(amount)}
    if measure == Measure.QUESTIONS:
        return ngettext("%(number)s question", "%(number)s questions", count) % number
    return ngettext("%(number)s token", "%(number)s tokens", count) % number


def limit_in_words(limit: Limit) -> str:
    """``"100 questions a day"``."""
    return f"{amount_in_words(limit.measure, limit.amount)} {limit.get_period_display()}"


def whose(limit: Limit) -> str:
    """Whom it holds for, as a table says it."""
    if limit.subject in (Subject.EACH, Subject.ALL):
        words = limit.get_subject_display()
        return words[:1].upper() + words[1:]
    return limit.subject_name


def _said(limit: Limit, now: datetime) -> dict[str, str]:
    """The parts of every sentence: who has used it up, the word for theirs, when it turns, whom to ask."""
    name = {"name": limit.subject_name}
    its = pgettext("limit", "its")
    who, their = {
        Subject.GROUP: (_("Your group %(name)s has") % name, its),
        Subject.PROGRAM: (_("The program %(name)s has") % name, its),
        Subject.KEY: (_("The API key %(name)s has") % name, its),
        Subject.ASSISTANT: (_("The assistant %(name)s has") % name, its),
        Subject.ALL: (_("Everybody together has"), pgettext("limit", "the")),
    }.get(Subject(limit.subject), (_("You have"), pgettext("limit", "your")))
    ask = _("If you need more, ask %(whom)s.") % {"whom": limit.created_by or _("an administrator")}
    turn = turn_in_words(limit.period, now)
    return {"who": who, "their": their, "limit": limit_in_words(limit), "turn": turn, "ask": ask}


def reached(limit: Limit, *, need: Decimal, used: Decimal, now: datetime) -> str:
    """Why something was refused, when it goes again, and whom to ask. ``need`` is what it could have used up."""
    said = _said(limit, now)
    if need > limit.amount > 0 and limit.measure != Measure.QUESTIONS:
        said["needed"] = amount_in_words(limit.measure, need)
        return _("One answer may need %(needed)s, and %(their)s limit is %(limit)s. %(ask)s") % said
    if limit.measure != Measure.QUESTIONS and used + need <= limit.amount:
        words = _("The rest of %(their)s %(limit)s is set aside for answers under way. Try again in a moment.")
        return words % said
    if limit.measure != Measure.QUESTIONS and used < limit.amount:
        said["left"] = amount_in_words(limit.measure, limit.amount - used)
        words = _(
            "%(who)s %(left)s left of %(their)s %(limit)s, too little for an answer. It begins anew %(turn)s. %(ask)s"
        )
        return words % said
    return _("%(who)s used up %(their)s %(limit)s. It begins anew %(turn)s. %(ask)s") % said


def near(limit: Limit, *, used: Decimal, now: datetime) -> str:
    """What somebody is told who comes near to it."""
    said = _said(limit, now)
    if used >= limit.amount:
        return _("%(who)s used up %(their)s %(limit)s. It begins anew %(turn)s.") % said
    said["percent"] = str(int(100 * used / limit.amount))
    return _("%(who)s used %(percent)s %% of %(their)s %(limit)s. It begins anew %(turn)s.") % said
