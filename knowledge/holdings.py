"""What knowledge holds of a person: the questions they asked in vain go, what they kept for the house stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_noop as _

from accounts.erasing.holdings import Holding, rows_of
from accounts.models import User
from accounts.retention.kinds import Kind
from knowledge.keeping.noting import remove_questions
from knowledge.models import Gap, GapQuestion, Passage, Reminder, Source, Version


def _erase_questions(person: User, at_most: int) -> int:
    ids = list(GapQuestion.objects.filter(asked_by=person).order_by("pk").values_list("pk", flat=True)[:at_most])
    return remove_questions(ids)


def _give_up_gaps(person: User, at_most: int) -> int:
    """They wait for whoever keeps their source."""
    Gap.objects.filter(assignee=person, state=Gap.State.ASSIGNED).update(state=Gap.State.OPEN)
    return Gap.objects.filter(assignee=person).update(assignee=None)


def _remove_questions(ids: Sequence[Any]) -> int:
    return remove_questions(list(ids))


HOLDINGS = (
    Holding(
        _("Questions asked in vain"),
        lambda person: GapQuestion.objects.filter(asked_by=person).count(),
        _erase_questions,
        kind="questions",
    ),
    Holding(
        _("Unanswered questions to look after"),
        lambda person: Gap.objects.filter(assignee=person).count(),
        _give_up_gaps,
        stays=_("They wait again, for nobody in particular."),
    ),
    rows_of(_("Reminders sent"), lambda person: Reminder.objects.filter(person=person)),
    Holding(
        _("Sources"),
        lambda person: Source.objects.filter(owner=person).count(),
        stays=_("Documents belong to the organisation. Somebody takes the sources first."),
    ),
    Holding(
        _("Documents released, and passages taken out"),
        lambda person: (
            Version.objects.filter(accepted_by=person).count() + Passage.objects.filter(Q(disabled_by=person)).count()
        ),
        stays=_("That they are released stays true. No name stands on it any more."),
    ),
)
KINDS = (
    Kind(
        "questions",
        _("Unanswered questions"),
        _("they were asked"),
        lambda: GapQuestion.objects.filter(asked_by__isnull=False),
        "asked_by",
        "asked_at",
        _remove_questions,
        note=_("A topic that no question is left of goes, too."),
    ),
)
