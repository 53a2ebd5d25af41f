"""What of the review queue belongs to a person, for when they leave or two accounts become one.

A case that somebody works on goes back to the queue rather than to their successor: whoever decides next must not be
the one whose content it is about, and the queue sees to that.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from accounts.models import User
from accounts.people.belongings import Kind
from moderation.models import Case
from moderation.review.cases import give_back_all


def _give_back(person: User, to: User) -> int:
    return give_back_all(person)


def _move_subject(person: User, to: User) -> int:
    return Case.objects.filter(subject=person).update(subject=to)


KINDS = (
    Kind(
        _("Cases they work on, which go back to the queue"),
        lambda person: Case.objects.filter(state=Case.State.CLAIMED, reviewer=person).count(),
        _give_back,
        True,
    ),
    Kind(
        _("Cases about their answers"),
        lambda person: Case.objects.filter(subject=person).count(),
        _move_subject,
        False,
    ),
)
