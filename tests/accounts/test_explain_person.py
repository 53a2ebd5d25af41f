"""What somebody can do and see, with the reason for each, and what else it would take."""

from __future__ import annotations

import pytest

from accounts.capabilities import CAPABILITIES
from accounts.models import Group, User
from accounts.people import groups, people
from accounts.people.explaining import Section, explain_person
from accounts.rights import can
from app.errors import NotFoundError
from chat.models import Assistant
from knowledge.models import Source
from tests import factories
from tests.conftest import SignIn
from tests.recorded import recorded


@pytest.fixture
def staff(crew: Group, olivia: User) -> Group:
    """Holds Crew; may read a source and use an assistant."""
    staff = factories.make_group("Staff")
    groups.nest_group(actor="system", outer=staff, inner=crew)
    factories.make_source(owner=olivia, name="Handbook", groups=[staff])
    factories.make_source(owner=olivia, name="Pay", groups=[factories.make_group("Board")])
    factories.make_assistant(slug="helper", groups=[staff])
    return staff


def section(actor: User, person: User, title: str) -> Section:
    return next(one for one in explain_person(actor=actor, person=person).sections if one.title == title)


def test_each_right_has_the_role_that_gives_it_or_would(ada: User, alice: User) -> None:
    desk = factories.make_role(name="Desk", capabilities=["usage.read"])
    people.assign_roles(actor=ada, user=alice, roles=["employee", desk.pk])
    rights = {right.name: right for right in explain_person(actor=ada, person=alice).rights}
    assert list(rights) == list(CAPABILITIES)
    assert {name for name, right in rights.items() if right.held} == alice.capabilities
    assert rights["usage.read"].roles == ["Desk"]
    assert rights["chat.ask"].roles == ["Employee"]
    assert rights["audit.read"].roles == ["Auditor"]
    assert all(right.roles for right in rights.values())


def test_groups_are_told_with_the_way_that_leads_there(ada: User, alice: User, staff: Group) -> None:
    told = {one.group.name: [way.name for way in one.through] for one in explain_person(actor=ada, person=alice).groups}
    assert told == {"Crew": [], "Staff": ["Crew"]}


def test_what_is_told_is_what_the_querysets_say(
    ada: User, alice: User, charlie: User, olivia: User, sam: User, staff: Group
) -> None:
    factories.make_source(owner=olivia, name="Open")
    for person in (alice, charlie, olivia, sam, ada):
        opened = {thing.name for thing in section(ada, person, "Sources").things if thing.open}
        assert opened == set(Source.objects.visible_to(person).values_list("name", flat=True))
        usable = {thing.name for thing in section(ada, person, "Assistants").things if thing.open}
        assert usable == set(Assistant.objects.visible_to(person).values_list("name", flat=True))
        queues = section(ada, person, "Queues").things
        assert [thing.open for thing in queues] == [can(person, "moderation.review")]
        for title in ("Sources", "Assistants", "Queues"):
            assert all(thing.why for thing in section(ada, person, title).things)


def test_why_and_why_not(ada: User, alice: User, staff: Group) -> None:
    sources = {thing.name: " ".join(thing.why) for thing in section(ada, alice, "Sources").things}
    assert sources["Handbook"] == "They are in the group Crew, which is inside Staff."
    assert sources["Pay"] == "It would take one of these groups: Board."


def test_everybody_sees_their_own_and_looking_at_others_is_audited(
    ada: User, aaron: User, alice: User, bob: User, signed_in: SignIn
) -> None:
    assert signed_in(alice).get("/account/rights/").status_code == 200
    assert not recorded(action="account.explain").exists()
    with pytest.raises(NotFoundError):
        explain_person(actor=alice, person=bob)
    assert signed_in(alice).get(f"/people/{bob.pk}/rights/").status_code == 403
    for actor in (ada, aaron):
        assert signed_in(actor).get(f"/people/{bob.pk}/rights/").status_code == 200
    seen = recorded(action="account.explain").values_list("actor", "object")
    assert set(seen) == {(str(one.pk), f"user:{bob.pk}") for one in (ada, aaron)}
