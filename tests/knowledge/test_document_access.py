"""Who can see a document, and why; and why somebody cannot: what is said agrees with what the searches go through."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent, Group, Role, User
from app.errors import NotFoundError
from knowledge.models import Document, Passage, Source, Version
from knowledge.viewing.access import explain_access, find_people, get_explainable, readers_of
from tests import factories
from tests.conftest import SignIn

State = Document.State
WAITING = {"published_at": None}


@pytest.fixture
def cast(
    alice: User, bob: User, charlie: User, dana: User, erin: User, olivia: User, aaron: User, ada: User, sam: User
) -> list[User]:
    jobless = factories.make_user("jo")
    jobless.roles = []
    jobless.save()
    former = factories.make_user("former", roles=[Role.OWNER], is_active=False)
    return [alice, bob, charlie, dana, erin, olivia, aaron, ada, sam, jobless, former]


def make_documents(source: Source) -> list[Document]:
    """A document in every state that a document can be in."""
    published = factories.make_document(source=source, title="Published", paragraphs=["One.", "Two."])
    some = factories.make_document(source=source, title="Partly disabled", paragraphs=["One.", "Two."])
    some.versions.get().passages.filter(ordinal=0).update(disabled_at=timezone.now())
    none = factories.make_document(source=source, title="Disabled")
    none.versions.get().passages.update(disabled_at=timezone.now())
    withdrawn = factories.make_document(source=source, title="Withdrawn", state=State.WITHDRAWN)
    withdrawn.versions.update(withdrawn_at=timezone.now())
    replaced = factories.make_document(source=source, title="Replaced")
    replaced.versions.update(withdrawn_at=timezone.now())
    factories.make_version(document=replaced, number=2)
    waiting = [
        Document.objects.create(source=source, key=state, title=state, state=state, reason="Because.")
        for state in (State.QUEUED, State.PROCESSING, State.HELD, State.REJECTED)
    ]
    for document in waiting:
        factories.make_version(document=document, published_at=None)
    return [published, some, none, withdrawn, replaced, *waiting]


@pytest.fixture
def sources(cast: list[User], crew: Group) -> list[Source]:
    """Sources for everyone or not, of up to three groups with members drawn by chance, kept or deleted."""
    chance = random.Random(7)
    groups = [crew, *(factories.make_group(f"Group {n}", members=chance.sample(cast, 4)) for n in range(3))]
    sources: list[Source] = []
    for number, (is_for_everyone, is_deleted) in enumerate(product([False, True], [False, True])):
        for count in (0, 2):
            source = factories.make_source(
                owner=chance.choice(cast),
                name=f"Source {number} {count}",
                is_for_everyone=is_for_everyone,
                deleted_at=timezone.now() if is_deleted else None,
            )
            source.groups.set(chance.sample(groups, count))
            sources.append(source)
    return sources


def test_what_is_said_agrees_with_what_is_true_for_everybody(
    cast: list[User], sources: list[Source], aaron: User
) -> None:
    seen = {"finds": 0, "opens": 0, "keeps": 0, "nothing": 0}
    for source in sources:
        readable = {person.pk: Source.objects.visible_to(person).filter(pk=source.pk).exists() for person in cast}
        for document in make_documents(source)[: 3 if source.deleted_at else None]:
            people = readers_of(document)
            by_ways = _active(people.ways, cast)
            for person in cast:
                verdict = explain_access(actor=aaron, document=document, person=person)
                is_found = _found(document, person)
                assert verdict.finds == is_found, (source, document, person)
                assert verdict.opens == Passage.objects.visible_to(person).filter(version__document=document).exists()
                assert verdict.keeps == Document.objects.editable_by(person).filter(pk=document.pk).exists()
                assert bool(verdict.because) == readable[person.pk]
                assert (person in by_ways and not source.deleted_at) == readable[person.pk]
                assert bool(verdict.reasons) != is_found
                seen["finds"] += verdict.finds
                seen["opens"] += verdict.opens and not verdict.finds
                seen["keeps"] += verdict.keeps and not verdict.opens
                seen["nothing"] += not (verdict.finds or verdict.opens or verdict.keeps)
    assert all(count > 20 for count in seen.values()), seen


def _found(document: Document, person: User) -> bool:
    """Whether a search by this person goes through any passage of the document, written out once more."""
    in_force = Version.objects.filter(document=document, published_at__isnull=False, withdrawn_at=None)
    live = Passage.objects.filter(version__in=in_force, disabled_at=None)
    return (
        live.exists()
        and Source.objects.visible_to(person).filter(pk=document.source_id).exists()
        and Role.EMPLOYEE in person.roles
    )


def _active(ways: list[Any], cast: list[User]) -> set[User]:
    """Everybody whom one of the ways lets read."""
    if any(way.kind == "everyone" for way in ways):
        return {person for person in cast if person.is_active}
    return {person for way in ways for person in way.people if person.is_active}


def test_a_passage_alone_is_explained_too(alice: User, aaron: User, olivia: User, crew: Group) -> None:
    source = factories.make_source(owner=olivia, groups=[crew])
    document = factories.make_document(source=source, paragraphs=["One.", "Two."])
    one, two = document.versions.get().passages.all()
    Passage.objects.filter(pk=one.pk).update(disabled_at=timezone.now(), disabled_reason="It is wrong.")
    one.refresh_from_db()
    verdict = explain_access(actor=olivia, document=document, person=alice, passage=one)
    assert (verdict.finds, verdict.opens) == (False, True)
    assert [reason.kind for reason in verdict.reasons] == ["passage_disabled"]
    assert "It is wrong." in verdict.reasons[0].text
    assert explain_access(actor=olivia, document=document, person=alice, passage=two).finds


def test_reasons_stand_in_the_order_in_which_they_have_to_go(sam: User, aaron: User, olivia: User) -> None:
    secret = factories.make_group("Board")
    source = factories.make_source(owner=olivia, groups=[secret], deleted_at=timezone.now())
    document = factories.make_document(source=source, state=State.WITHDRAWN)
    document.versions.update(withdrawn_at=timezone.now())
    verdict = explain_access(actor=aaron, document=document, person=sam)
    assert [reason.kind for reason in verdict.reasons] == ["suspended", "source_deleted", "no_group", "withdrawn"]


def test_a_missing_membership_says_what_to_do(charlie: User, olivia: User, crew: Group) -> None:
    source = factories.make_source(owner=olivia, groups=[crew, factories.make_group("Board")])
    document = factories.make_document(source=source)
    (reason,) = explain_access(actor=olivia, document=document, person=charlie).reasons
    assert reason.text == "Charlie is in none of these groups: Board, Crew."
    assert reason.remedy.startswith("Add them to Board or Crew: an administrator can.")


def test_a_document_that_is_held_says_why(alice: User, olivia: User, crew: Group) -> None:
    source = factories.make_source(owner=olivia, groups=[crew])
    document = factories.make_document(
        source=source, state=State.HELD, reason="It holds bank accounts.", version=WAITING
    )
    (reason,) = explain_access(actor=olivia, document=document, person=alice).reasons
    assert reason.kind == "not_published"
    assert "It holds bank accounts." in reason.text


def test_readers_are_listed_with_their_reason(
    alice: User, olivia: User, ada: User, sam: User, bob: User, crew: Group
) -> None:
    source = factories.make_source(owner=olivia, groups=[crew])
    readers = readers_of(factories.make_document(source=source))
    assert [(way.kind, way.name, way.count, way.suspended_count) for way in readers.ways] == [
        ("owner", "Olivia", 1, 0),
        ("group", "Crew", 3, 1),
    ]
    assert readers.count == 3
    assert sam in readers.ways[1].people
    assert {(keeper.person, keeper.reads) for keeper in readers.keepers} == {(ada, False), (olivia, True)}


def test_looking_somebody_up_is_audited(alice: User, olivia: User, crew: Group) -> None:
    document = factories.make_document(source=factories.make_source(owner=olivia, groups=[crew]))
    explain_access(actor=olivia, document=document, person=alice)
    event = AuditEvent.objects.get(action="document.explain_access", object=f"document:{document.pk}")
    assert event.actor == str(olivia.pk)
    assert event.payload["person"] == str(alice.pk)
    assert "alice" not in str(event.payload)


def test_only_keepers_and_auditors_are_told(
    alice: User, olivia: User, ada: User, aaron: User, dana: User, crew: Group
) -> None:
    document = factories.make_document(source=factories.make_source(owner=olivia, groups=[crew]))
    for person in (olivia, ada, aaron):
        assert get_explainable(person, document.pk) == document
    for person in (alice, dana):
        with pytest.raises(NotFoundError):
            explain_access(actor=person, document=document, person=alice)
    assert not AuditEvent.objects.filter(action="document.explain_access", object=f"document:{document.pk}").exists()


def test_an_owner_finds_the_members_of_their_groups_and_anybody_by_address(
    alice: User, charlie: User, olivia: User, ada: User, aaron: User, crew: Group
) -> None:
    factories.make_source(owner=olivia, groups=[crew])
    assert find_people(olivia, "ALI") == [alice]
    assert find_people(olivia, "charl") == []
    assert find_people(olivia, "CHARLIE@example.org") == [charlie]
    assert find_people(ada, "charl") == [charlie]
    assert find_people(aaron, "charl") == [charlie]
    assert find_people(olivia, "  ") == []
    assert find_people(olivia, "a\x00li") == [alice]


def test_the_page_explains(olivia: User, charlie: User, crew: Group, signed_in: SignIn) -> None:
    document = factories.make_document(source=factories.make_source(owner=olivia, groups=[crew]))
    address = f"/knowledge/documents/{document.pk}/access/"
    page = signed_in(olivia).get(address).content.decode()
    assert "They are in Crew" in page
    page = signed_in(olivia).get(address, {"person": "charlie@example.org"}).content.decode()
    assert "Charlie cannot see it" in page
    page = signed_in(olivia).get(address, {"person": "nobody-of-this-name"}).content.decode()
    assert "Nobody whom you may look up is called that." in page


def test_several_people_of_a_name_are_offered(
    olivia: User, alice: User, bob: User, crew: Group, signed_in: SignIn
) -> None:
    document = factories.make_document(source=factories.make_source(owner=olivia, groups=[crew]))
    page = signed_in(olivia).get(f"/knowledge/documents/{document.pk}/access/", {"person": "example"}).content.decode()
    assert "people match" in page
    assert "?person=alice%40example.org" in page
    assert not AuditEvent.objects.filter(action="document.explain_access", object=f"document:{document.pk}").exists()


def test_programs_are_told_the_same(olivia: User, alice: User, charlie: User, crew: Group, with_key: SignIn) -> None:
    document = factories.make_document(source=factories.make_source(owner=olivia, groups=[crew]))
    address = f"/api/v1/documents/{document.pk}/access"
    told = with_key(olivia).get(address).json()
    assert [way["kind"] for way in told["ways"]] == ["owner", "group"]
    assert told["person"] is None
    told = with_key(olivia).get(address, {"person": "charlie@example.org"}).json()["person"]
    assert (told["finds"], told["opens"], told["keeps"]) == (False, False, False)
    assert [reason["kind"] for reason in told["reasons"]] == ["no_group"]
    assert with_key(olivia).get(address, {"person": "none@example.org"}).status_code == 404


def test_hostile_names_are_only_text(olivia: User, crew: Group, signed_in: SignIn) -> None:
    evil = "<img src=x onerror=alert(1)>"
    factories.make_user("evil", groups=[crew])
    User.objects.filter(email="evil@example.org").update(name=evil)
    source = factories.make_source(owner=olivia, name=evil, groups=[crew, factories.make_group(evil)])
    document = factories.make_document(source=source, title=evil, state=State.HELD, reason=evil, version=WAITING)
    for person in ("evil@example.org", evil, "<script>"):
        page = signed_in(olivia).get(f"/knowledge/documents/{document.pk}/access/", {"person": person})
        assert "<img src=x" not in page.content.decode()
        assert "<script>" not in page.content.decode()


def test_more_members_and_groups_cost_no_more_statements(olivia: User, crew: Group, signed_in: SignIn) -> None:
    source = factories.make_source(owner=olivia, groups=[crew])
    document = factories.make_document(source=source)
    client = signed_in(olivia)
    few, _ = _asked(client, document)
    crew.members.add(*(factories.make_user(f"member{n}") for n in range(120)))
    source.groups.add(*(factories.make_group(f"Group {n}", members=[olivia]) for n in range(5)))
    many, page = _asked(client, document)
    assert many == few
    assert page.count("@example.org</span>") == 100 + 2  # of Crew; and hers, as its keeper and in the account menu
    assert "and 119 more" in page
    assert "These are the first 100." in page


def _asked(client: Client, document: Document) -> tuple[int, str]:
    with CaptureQueriesContext(connection) as captured:
        page = client.get(f"/knowledge/documents/{document.pk}/access/").content.decode()
    return len(captured), page


def test_an_overdue_source_is_no_reason(alice: User, olivia: User, crew: Group) -> None:
    late = timezone.localdate() - timedelta(days=1)
    document = factories.make_document(source=factories.make_source(owner=olivia, groups=[crew], review_by=late))
    assert explain_access(actor=olivia, document=document, person=alice).finds
