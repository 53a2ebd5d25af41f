"""Setting limits: who may use up how much of what in which period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.limits import counting
from accounts.limits.periods import begin_of
from accounts.models import ApiKey, Group, Limit, Program, User
from app.errors import BadInputError, ConflictError

Subject, Measure, Period = Limit.Subject, Limit.Measure, Limit.Period
LARGEST = Decimal(10) ** 12 - 1
WITHOUT_ID = frozenset({Subject.EACH, Subject.ALL})


@dataclass(frozen=True, slots=True)
class Terms:
    """A limit as somebody wants it. ``subject_name`` is needed of an assistant alone; other names are looked up."""

    subject: str
    measure: str
    amount: Decimal
    period: str
    subject_id: UUID | None = None
    subject_name: str = ""
    warn_percent: int = 80


def create_limit(*, actor: User, terms: Terms, now: datetime | None = None) -> Limit:
    """A limit, in force at once here and within some seconds everywhere.

    One for a day or a month begins with what the ledger already has of the period at hand. Raises BadInputError, or
    ConflictError when there is one of the same kind.
    """
    rights.require(actor, "accounts.administer")
    terms = _checked(terms)
    limit = Limit(
        subject=terms.subject,
        subject_id=terms.subject_id,
        subject_name=terms.subject_name,
        measure=terms.measure,
        amount=terms.amount,
        period=terms.period,
        warn_percent=terms.warn_percent,
        created_by=actor,
    )
    try:
        with transaction.atomic():
            limit.save(force_insert=True)
            _begin_with_ledger(limit, now or timezone.now())
            audit.record(actor=actor, action="limit.create", obj=limit, payload=_facts(limit))
            transaction.on_commit(counting.forget)
    except IntegrityError as error:
        raise ConflictError("There is a limit of this kind already. Change that one.") from error
    return limit


def change_limit(*, actor: User, limit: Limit, amount: Decimal, warn_percent: int) -> None:
    """Another amount, or another share of it at which to warn. What is used up stays used up."""
    rights.require(actor, "accounts.administer")
    _check_numbers(limit.measure, amount, warn_percent)
    with transaction.atomic():
        before = Limit.objects.select_for_update().get(pk=limit.pk)
        limit.amount, limit.warn_percent = amount, warn_percent
        limit.save(update_fields=["amount", "warn_percent"])
        # Whoever is below the new line may be told again.
        limit.counts.filter(used__lt=amount * warn_percent / 100).update(warned_at=None)
        audit.record(
            actor=actor, action="limit.change", obj=limit, payload={"before": _facts(before), "after": _facts(limit)}
        )
        transaction.on_commit(counting.forget)


def remove_limit(*, actor: User, limit: Limit) -> None:
    """It no longer holds; can be undone."""
    rights.require(actor, "accounts.administer")
    with transaction.atomic():
        if Limit.objects.filter(pk=limit.pk, removed_at=None).update(removed_at=timezone.now()):
            audit.record(actor=actor, action="limit.remove", obj=limit, payload=_facts(limit))
            transaction.on_commit(counting.forget)


def restore_limit(*, actor: User, limit: Limit) -> None:
    """Undo a removal. What was used up meanwhile is not counted. Raises ConflictError when another took its place."""
    rights.require(actor, "accounts.administer")
    try:
        with transaction.atomic():
            if Limit.objects.filter(pk=limit.pk).exclude(removed_at=None).update(removed_at=None):
                audit.record(actor=actor, action="limit.restore", obj=limit, payload=_facts(limit))
                transaction.on_commit(counting.forget)
    except IntegrityError as error:
        raise ConflictError("Another limit took its place. Change that one, or remove it first.") from error


def _checked(terms: Terms) -> Terms:
    for value, choices in ((terms.subject, Subject), (terms.measure, Measure), (terms.period, Period)):
        if value not in choices.values:
            raise BadInputError(f"{value!r} is none of {', '.join(choices.values)}.")
    _check_numbers(terms.measure, terms.amount, terms.warn_percent)
    if terms.subject in WITHOUT_ID:
        return replace(terms, subject_id=None, subject_name="")
    name = _name_of(terms, terms.subject_id) if terms.subject_id else ""
    if not name:
        raise BadInputError(f"Say which {terms.subject} the limit is for.")
    return replace(terms, subject_name=name[:200])


def _check_numbers(measure: str, amount: Decimal, warn_percent: int) -> None:
    if not amount.is_finite() or not 0 <= amount <= LARGEST:
        raise BadInputError(f"The amount must be a number from 0 to {LARGEST:,}.")
    if measure != Measure.MONEY and amount != amount.to_integral_value():
        raise BadInputError(f"The amount of {measure} must be a whole number.")
    if round(amount, 6) != amount:
        raise BadInputError("The amount can have six decimals at most.")
    if not 1 <= warn_percent <= 100:
        raise BadInputError("The warning comes at a share of 1 to 100 percent.")


def _name_of(terms: Terms, subject_id: UUID) -> str:
    if terms.subject == Subject.PERSON:
        person = User.objects.filter(pk=subject_id).first()
        return str(person) if person else ""
    if terms.subject == Subject.GROUP:
        group = Group.objects.filter(pk=subject_id).first()
        return group.name if group else ""
    if terms.subject == Subject.KEY:
        key = ApiKey.objects.select_related("user").filter(pk=subject_id).first()
        return f"{key.name} of {key.user}" if key else ""
    if terms.subject == Subject.PROGRAM:
        program = Program.objects.filter(pk=subject_id).first()
        return program.name if program else ""
    return terms.subject_name


_MEASURED = {
    Measure.QUESTIONS: "sum(answers)",
    Measure.TOKENS: "sum(tokens_in + tokens_out)",
    Measure.MONEY: "sum(cost)",
}
_OF = {
    Subject.EACH: "user_id is not null",
    Subject.PERSON: "user_id = %(subject)s",
    Subject.GROUP: "user_id in (select user_id from accounts_belonging where group_id = %(subject)s)",
    Subject.KEY: "key_id = %(subject)s",
    Subject.PROGRAM: "key_id = %(subject)s",
    Subject.ASSISTANT: "assistant_id = %(subject)s",
    Subject.ALL: "true",
}


def _begin_with_ledger(limit: Limit, now: datetime) -> None:
    """Count what this period has seen already. The ledger knows days: minutes and hours begin with nothing."""
    if limit.period not in (Period.DAY, Period.MONTH):
        return
    began_at = begin_of(limit.period, now)
    holder = "user_id" if limit.subject == Subject.EACH else "%(limit)s::uuid"
    measured, of_subject = _MEASURED[Measure(limit.measure)], _OF[Subject(limit.subject)]
    values = {"limit": limit.pk, "subject": limit.subject_id, "began_at": began_at, "day": began_at.date()}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            insert into accounts_limitcount (limit_id, holder_id, began_at, used)
            select %(limit)s, {holder}, %(began_at)s, {measured}
            from accounts_spending where day >= %(day)s and {of_subject}
            group by 2 having {measured} > 0
            """,  # noqa: S608 - put together from the constants above
            values,
        )


def _facts(limit: Limit) -> dict[str, Any]:
    facts = {name: getattr(limit, name) for name in ("subject", "subject_id", "measure", "period", "warn_percent")}
    return facts | {"amount": str(limit.amount)}
