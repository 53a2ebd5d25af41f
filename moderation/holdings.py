"""What the review queue holds of a person: cases about their answers lose all words, what they decided stays.

A case is the proof that a person looked before something was said, so its row stays: which rule, who decided, when,
how. What was asked and said in it, why it was decided so, and why it was appealed are its subject's, and go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.erasing.holdings import Holding
from accounts.models import User
from accounts.retention.kinds import Kind
from moderation.models import Case, CaseEvent, Decision
from moderation.review.cases import give_back_all, note


def _with_words(person: User) -> QuerySet[Case]:
    return Case.objects.filter(subject=person).exclude(question="")


def _erase_words(person: User, at_most: int) -> int:
    cases = list(_with_words(person).select_for_update().order_by("pk")[:at_most])
    for case in cases:
        if case.is_waiting:
            case.state, case.lease_until, case.final_at = Case.State.SUPERSEDED, None, timezone.now()
            case.save(update_fields=["state", "lease_until", "final_at"])
            note(case, CaseEvent.Kind.SUPERSEDED, None)
    ids = [case.pk for case in cases]
    Decision.objects.filter(case__in=ids).update(reason="", text="")
    CaseEvent.objects.filter(case__in=ids).update(note="")
    Case.objects.filter(pk__in=ids).update(question="", answer="", shown=0, context=[], appeal="")
    return len(cases)


def _give_back(person: User, at_most: int) -> int:
    return give_back_all(person)


HOLDINGS = (
    Holding(
        _("Review cases about answers"),
        lambda person: _with_words(person).count(),
        _erase_words,
        stays=_("That a person looked, under which rule and with what result, stays. What was asked and said goes."),
        kind="cases",
    ),
    Holding(
        _("Claimed cases"),
        lambda person: Case.objects.filter(state=Case.State.CLAIMED, reviewer=person).count(),
        _give_back,
        stays=_("They go back to the queue."),
    ),
    Holding(
        _("Decisions as a reviewer"),
        lambda person: Decision.objects.filter(reviewer=person).count(),
        stays=_("Others were answered by them. No name stands on them any more."),
    ),
)


def _ended() -> QuerySet[Case]:
    return Case.objects.ended().filter(final_at__isnull=False)


def _remove_cases(ids: Sequence[Any]) -> int:
    of_these = Q(case__in=ids)
    Decision.objects.filter(of_these).delete()
    CaseEvent.objects.filter(of_these).delete()
    return Case.objects.filter(pk__in=ids).delete()[1].get("moderation.Case", 0)


KINDS = (
    Kind(
        "cases",
        _("Review cases"),
        _("they were decided"),
        _ended,
        "subject",
        "final_at",
        _remove_cases,
        note=_("With what was decided. That it was decided stays in the audit log."),
    ),
)
