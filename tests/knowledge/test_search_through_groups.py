"""A search finds what a group opens to the groups inside it, and nothing of it once they are apart."""

from __future__ import annotations

from accounts.models import Group, User
from accounts.people import groups
from knowledge.models import Source
from knowledge.retrieval import search
from tests.knowledge.conftest import Publish


def test_who_is_in_a_group_inside_finds_it_as_long_as_it_is_inside(
    alice: User, charlie: User, crew: Group, handbook: Source, publish: Publish
) -> None:
    outer = Group.objects.create(name="Outer")
    handbook.groups.set([outer])
    publish(handbook)
    assert not search(user=alice, query="annual leave")
    groups.nest_group(actor="system", outer=outer, inner=crew)
    assert search(user=alice, query="annual leave")
    assert not search(user=charlie, query="annual leave")
    groups.unnest_group(actor="system", outer=outer, inner=crew)
    assert not search(user=alice, query="annual leave")
