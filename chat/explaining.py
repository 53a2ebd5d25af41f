"""Which assistants somebody can use, and why, for the page about a person's rights."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts.models import User
from accounts.people.explaining import MOST_THINGS, Section, Thing, why_by_groups
from accounts.people.groups import Ways, ways_into
from chat.models import Assistant


def assistants_of(person: User) -> Section:
    """Every assistant in service, those first that they can use."""
    ways = ways_into(person)
    usable = set(Assistant.objects.visible_to(person).values_list("pk", flat=True))
    asks = person.holds("chat.ask")
    there = list(Assistant.objects.filter(is_active=True).prefetch_related("groups"))
    there.sort(key=lambda one: (one.pk not in usable, one.name.casefold()))
    things = [
        Thing(one.name, asks and one.pk in usable, list(_why(one, person, ways, usable=one.pk in usable)))
        for one in there[:MOST_THINGS]
    ]
    return Section(_("Assistants"), things, max(0, len(there) - MOST_THINGS))


def _why(assistant: Assistant, person: User, ways: Ways, *, usable: bool) -> Iterator[str]:
    if not person.is_active:
        yield _("Whoever is suspended uses nothing.")
        return
    if not person.holds("chat.ask"):
        yield _("It would take a role that asks, such as Employee.")
    if not usable:
        names = ", ".join(sorted(group.name for group in assistant.groups.all()))
        yield _("It would take one of these groups: %(groups)s.") % {"groups": names or "–"}
    elif assistant.is_for_everyone:
        yield _("Everyone may use this assistant.")
    yield from why_by_groups(list(assistant.groups.all()), ways)
