"""Programs that somebody answers for, for whoever leaves or is merged (``accounts.people.belongings``)."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from accounts.models import Program, User
from accounts.people.belongings import Kind


def _owned_by(person: User) -> QuerySet[Program]:
    return Program.objects.live().filter(owner=person)


KINDS = (
    Kind(
        _("Programs they answer for"),
        lambda person: _owned_by(person).count(),
        lambda person, to: _owned_by(person).update(owner=to),
        is_work=True,
        outlives=True,
    ),
)
