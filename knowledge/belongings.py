"""What of knowledge belongs to a person, for when they leave or two accounts become one."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from accounts.models import User
from accounts.people.belongings import Kind
from knowledge.models import Gap, GapQuestion, Source

KEEPS = "knowledge.edit_source"


def _move_sources(person: User, to: User) -> int:
    """Deleted ones too: they can be brought back."""
    return Source.objects.filter(owner=person).update(owner=to)


def _move_gaps(person: User, to: User) -> int:
    return Gap.objects.filter(assignee=person).update(assignee=to)


def _move_questions(person: User, to: User) -> int:
    return GapQuestion.objects.filter(asked_by=person).update(asked_by=to)


KINDS = (
    Kind(_("Sources"), lambda person: Source.objects.filter(owner=person).count(), _move_sources, True, KEEPS, True),
    Kind(
        _("Unanswered questions given to them"),
        lambda person: Gap.objects.filter(assignee=person).count(),
        _move_gaps,
        True,
        KEEPS,
    ),
    Kind(
        _("Questions they asked in vain"),
        lambda person: GapQuestion.objects.filter(asked_by=person).count(),
        _move_questions,
        False,
    ),
)
