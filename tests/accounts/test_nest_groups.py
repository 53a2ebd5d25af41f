"""Groups inside groups: whoever is in the inner one is in the outer one, wherever rights are asked for."""

from __future__ import annotations

import itertools
import random
import threading
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.limits import limits
from accounts.limits.counting import limits_on
from accounts.limits.spending import Spent, record_spending
from accounts.models import AuditEvent, Belonging, Group, GroupReach, Nesting, User
from accounts.people import groups
from app.errors import ConflictError, NotAllowedError, NotFoundError
from app.inference.costing.costs import Tokens
from chat.models import Assistant, SavedPrompt, Share
from chat.verbs.sharing import people_within_reach
from chat.verbs.standing import stand
from knowledge.models import Source
from tests import factories
from tests.recorded import recorded


@pytest.fixture
def staff(crew: Group) -> Group:
    """Holds the company's teams, of which Crew is one, two levels down; has no members of its own."""
    staff, teams = Group.objects.create(name="Staff"), Group.objects.create(name="Teams")
    groups.nest_group(actor="system", outer=staff, inner=teams)
    groups.nest_group(actor="system", outer=teams, inner=crew)
    return staff


def test_what_a_group_opens_it_opens_to_the_groups_inside(
    staff: Group, crew: Group, alice: User, charlie: User, olivia: User
) -> None:
    source = factories.make_source(owner=olivia, groups=[staff])
    assistant = factories.make_assistant(groups=[staff])
    prompt = factories.make_prompt(owner=olivia, group=staff)
    of_olivia = factories.make_conversation(owner=olivia, assistant=assistant)
    factories.make_answer(conversation=of_olivia)
    share = factories.make_share(conversation=of_olivia, groups=[staff])
    limit = factories.make_limit(subject="group", subject_id=staff.pk)
    own = factories.make_conversation(owner=alice, assistant=assistant)

    def opened(person: User) -> list[bool]:
        return [
            Source.objects.visible_to(person).filter(pk=source.pk).exists(),
            Assistant.objects.visible_to(person).filter(pk=assistant.pk).exists(),
            SavedPrompt.objects.visible_to(person).filter(pk=prompt.pk).exists(),
            Share.objects.visible_to(person).filter(pk=share.pk).exists(),
            Group.objects.visible_to(person).filter(pk=staff.pk).exists(),
            people_within_reach(person).filter(pk=olivia.pk).exists(),
            limit in limits_on(person, None),
        ]

    assert opened(alice) == [True] * 7
    assert opened(charlie) == [False] * 7
    assert staff.pk in stand(alice, own).group_ids
    groups.unnest_group(actor="system", outer=Group.objects.get(name="Teams"), inner=crew)
    assert opened(alice) == [False] * 5 + [True, False]  # olivia and alice are in Crew, still
    with pytest.raises(NotFoundError, match="no longer open"):
        stand(alice, own)


def test_somebody_in_two_inner_groups_is_in_the_outer_one_once(staff: Group, crew: Group, alice: User) -> None:
    other = factories.make_group("Other", members=[alice])
    groups.nest_group(actor="system", outer=staff, inner=other)
    assert list(staff.everybody.all()) == [alice]
    assert sorted(group.name for group in Group.objects.visible_to(alice)) == ["Crew", "Other", "Staff", "Teams"]
    groups.remove_member(actor="system", group=other, person=alice)
    assert list(staff.everybody.all()) == [alice]
    groups.remove_member(actor="system", group=crew, person=alice)
    assert not staff.everybody.exists()


def test_a_ring_is_refused_by_the_verb_and_by_the_database(staff: Group, crew: Group, ada: User) -> None:
    for outer, inner in ((crew, staff), (crew, Group.objects.get(name="Teams")), (crew, crew)):
        with pytest.raises(ConflictError):
            groups.nest_group(actor=ada, outer=outer, inner=inner)
        with pytest.raises(IntegrityError), transaction.atomic():
            Nesting.objects.create(outer=outer, inner=inner)


@pytest.mark.django_db(transaction=True)
def test_two_cannot_make_a_ring_at_once() -> None:
    first, second = Group.objects.create(name="First"), Group.objects.create(name="Second")
    gate, outcomes = threading.Barrier(2, timeout=60), []

    def nest(outer: Group, inner: Group) -> None:
        gate.wait()
        try:
            groups.nest_group(actor="system", outer=outer, inner=inner)
            outcomes.append("done")
        except ConflictError:
            outcomes.append("refused")
        finally:
            connection.close()

    both = [threading.Thread(target=nest, args=pair, daemon=True) for pair in ((first, second), (second, first))]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert sorted(outcomes) == ["done", "refused"]


def test_the_closure_is_right_after_any_changes(db: None) -> None:
    """Sixty random edges come and go among eight groups; the table agrees with walking the edges every time."""
    chance = random.Random(7)
    made = [Group.objects.create(name=f"Group {number}") for number in range(8)]
    edges: set[tuple[int, int]] = set()
    for _ in range(60):
        outer, inner = chance.sample(range(8), 2)
        if (outer, inner) in edges:
            groups.unnest_group(actor="system", outer=made[outer], inner=made[inner])
            edges.remove((outer, inner))
            continue
        try:
            with transaction.atomic():
                groups.nest_group(actor="system", outer=made[outer], inner=made[inner])
            edges.add((outer, inner))
        except ConflictError:
            assert outer in _within(inner, edges)
        wanted = {(made[one].pk, made[other].pk) for one in range(8) for other in _within(one, edges)}
        assert set(GroupReach.objects.values_list("outer_id", "inner_id")) == wanted


def _within(start: int, edges: set[tuple[int, int]]) -> set[int]:
    found, more = {start}, {start}
    while more:
        more = {inner for outer, inner in edges if outer in more} - found
        found |= more
    return found


def test_nobody_writes_to_the_closure_or_the_view(staff: Group, alice: User) -> None:
    for statement in (
        "insert into accounts_group_reach (outer_id, inner_id) select outer_id, inner_id from accounts_group_reach",
        "delete from accounts_group_reach",
        "update accounts_group_reach set outer_id = inner_id",
        "delete from accounts_belonging",
    ):
        refused = pytest.raises(DatabaseError, match=r"permission denied|cannot delete")
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert Belonging.objects.filter(user=alice, group=staff).count() == 1


def test_a_deleted_group_leaves_nothing_and_a_new_one_holds_itself(staff: Group, crew: Group, alice: User) -> None:
    groups.delete_group(actor="system", group=Group.objects.get(name="Teams"))
    assert not staff.everybody.exists()
    assert [group.name for group in Group.objects.visible_to(alice)] == ["Crew"]
    reaches = set(GroupReach.objects.values_list("outer__name", "inner__name"))
    assert reaches == {("Staff", "Staff"), ("Crew", "Crew")}
    event = recorded(action="group.delete").get()
    assert event.payload["within"] == [str(crew.pk)]


def test_a_directorys_group_is_filled_by_the_directory_alone(ada: User, alice: User, bob: User) -> None:
    group = groups.fill_group(actor="scim", external_id="g-1", name="Sales", members=[alice])
    for deed in (
        lambda: groups.set_members(actor=ada, group=group, members=[bob]),
        lambda: groups.add_member(actor=ada, group=group, person=bob),
        lambda: groups.remove_member(actor=ada, group=group, person=alice),
        lambda: groups.delete_group(actor=ada, group=group),
    ):
        with pytest.raises(ConflictError, match="directory"):
            deed()
    groups.set_groups_of(actor=ada, person=alice, groups=[])
    assert list(group.members.all()) == [alice]
    again = groups.fill_group(actor="scim", external_id="g-1", name="Sales and service", members=[alice, bob])
    assert (again.pk, again.name, again.members.count()) == (group.pk, "Sales and service", 2)
    events = AuditEvent.objects.filter(object=f"group:{group.pk}").order_by("seq").values_list("action", flat=True)
    assert list(events) == ["group.create", "group.rename", "group.sync"]
    groups.fill_group(actor="scim", external_id="g-1", name="Sales and service", members=[alice, bob])
    assert AuditEvent.objects.filter(object=f"group:{group.pk}").count() == 3


def test_only_who_looks_after_people_changes_groups(crew: Group, alice: User, olivia: User, dana: User) -> None:
    other = Group.objects.create(name="Other")
    for actor, deed in itertools.product(
        (alice, olivia, dana),
        (
            lambda actor: groups.create_group(actor=actor, name="Mine"),
            lambda actor: groups.rename_group(actor=actor, group=crew, name="Mine"),
            lambda actor: groups.nest_group(actor=actor, outer=other, inner=crew),
            lambda actor: groups.unnest_group(actor=actor, outer=other, inner=crew),
            lambda actor: groups.add_member(actor=actor, group=other, person=actor),
            lambda actor: groups.remove_member(actor=actor, group=crew, person=alice),
            lambda actor: groups.delete_group(actor=actor, group=crew),
            lambda actor: groups.set_groups_of(actor=actor, person=actor, groups=[other]),
        ),
    ):
        with pytest.raises(NotAllowedError):
            deed(actor)


def test_a_groups_limit_begins_with_what_the_groups_inside_used(staff: Group, alice: User, ada: User) -> None:
    assistant = factories.make_assistant()
    record_spending(Spent(alice.pk, assistant.pk, "m", tokens=Tokens(7, 0, 5)))
    terms = limits.Terms(subject="group", subject_id=staff.pk, measure="tokens", amount=Decimal(100), period="day")
    limit = limits.create_limit(actor=ada, terms=terms)
    assert limit.counts.get().used == 12
