"""Which sources somebody can read and keep, and why, for the page about a person's rights."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts.models import User
from accounts.people.explaining import MOST_THINGS, Section, Thing, why_by_groups
from accounts.people.groups import Ways, ways_into
from knowledge.models import Source


def sources_of(person: User) -> Section:
    """Every source, those first that they can read."""
    ways = ways_into(person)
    readable = set(Source.objects.visible_to(person).values_list("pk", flat=True))
    kept = set(Source.objects.editable_by(person).values_list("pk", flat=True))
    sources = list(Source.objects.filter(deleted_at=None).select_related("owner").prefetch_related("groups"))
    sources.sort(key=lambda one: (one.pk not in readable, one.pk not in kept, one.name.casefold()))
    things = [
        Thing(
            one.name,
            one.pk in readable,
            [*_keeps(one, person, kept=one.pk in kept), *_reads(one, person, ways, readable=one.pk in readable)],
        )
        for one in sources[:MOST_THINGS]
    ]
    return Section(_("Sources"), things, max(0, len(sources) - MOST_THINGS))


def _keeps(source: Source, person: User, *, kept: bool) -> Iterator[str]:
    if kept and source.owner_id == person.pk:
        yield _("They keep it, as its owner.")
    elif kept:
        yield _("They keep it: their role keeps every source.")


def _reads(source: Source, person: User, ways: Ways, *, readable: bool) -> Iterator[str]:
    if readable:
        if source.is_for_everyone:
            yield _("Everyone may read this source.")
        if source.owner_id == person.pk:
            yield _("They own this source.")
        yield from why_by_groups(list(source.groups.all()), ways)
    elif not person.is_active:
        yield _("Whoever is suspended reads nothing.")
    else:
        names = ", ".join(sorted(group.name for group in source.groups.all()))
        if names:
            yield _("It would take one of these groups: %(groups)s.") % {"groups": names}
        else:
            yield _("Nobody but its keeper reads it.")
