"""Reading somebody else's conversations: for a reason, some hours, allowed by a second person, in their sight."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import AuditEvent, Group, Insight, Role, User
from accounts.people import insights, people
from accounts.rights import GRANTS
from app.errors import BadInputError, ConflictError, NotAllowedError, NotFoundError
from chat.models import Conversation, Message
from tests import factories
from tests.conftest import SignIn

REASON = "Complaint 17 of the works council."


@pytest.fixture
def talk(alice: User) -> Conversation:
    conversation = factories.make_conversation(owner=alice, title="About the raise")
    factories.make_answer(conversation=conversation, text="You get more next year.")
    return conversation


def ask(reader: User, person: User, hours: int = 4) -> Insight:
    return insights.ask_insight(actor=reader, person=person, reason=REASON, hours=hours)


def path(insight: Insight, talk: Conversation | None = None) -> str:
    return f"/insights/{insight.pk}/{talk.pk}/" if talk else f"/insights/{insight.pk}/"


def test_an_administrator_reads_nothing_before_it_is_allowed(
    ada: User, aaron: User, alice: User, talk: Conversation, signed_in: SignIn
) -> None:
    browser = signed_in(ada)
    insight = ask(ada, alice)
    for address in (path(insight), path(insight, talk), f"/c/{talk.pk}/", f"/api/v1/conversations/{talk.pk}/"):
        assert browser.get(address).status_code == 404
    insights.approve_insight(actor=aaron, insight=insight)
    assert "About the raise" in browser.get(path(insight)).content.decode()
    page = browser.get(path(insight, talk)).content.decode()
    assert "You get more next year." in page
    assert "<textarea" not in page
    for address in (f"/c/{talk.pk}/", f"/c/{talk.pk}/turns"):
        assert browser.get(address).status_code == 404
    events = AuditEvent.objects.filter(actor=str(ada.pk), action__startswith="insight.").order_by("at", "seq")
    assert [(event.action, event.object) for event in events] == [
        ("insight.ask", f"user:{alice.pk}"),
        ("insight.list", f"user:{alice.pk}"),
        ("insight.reveal", f"conversation:{talk.pk}"),
    ]
    insight.refresh_from_db()
    assert insight.views == 1


def test_who_asked_and_whom_it_is_about_do_not_decide(ada: User, aaron: User, alice: User) -> None:
    insight = ask(ada, alice)
    with pytest.raises(NotAllowedError):
        insights.approve_insight(actor=ada, insight=insight)
    about_auditor = ask(ada, aaron)
    with pytest.raises(NotAllowedError):
        insights.approve_insight(actor=aaron, insight=about_auditor)
    for actor in (alice, factories.make_user("mod", roles=[Role.MODERATOR, Role.OWNER])):
        with pytest.raises(NotAllowedError):
            insights.approve_insight(actor=actor, insight=insight)
        with pytest.raises(NotAllowedError):
            ask(actor, ada)
    assert not Insight.objects.live().exists()


def test_one_alone_only_where_the_house_says_so(ada: User, alice: User, settings: Any) -> None:
    assert ask(ada, alice).is_waiting
    settings.INSIGHT_ALONE = True
    boss = factories.make_user("boss", roles=[Role.ADMIN])
    insight = ask(boss, alice)
    assert insight.is_live
    assert insight.approved_by == boss


def test_bad_requests_are_refused(ada: User, alice: User) -> None:
    for reason, hours in (("", 1), ("why not", 1), (REASON, 0), (REASON, 25), ("x" * 501, 1)):
        with pytest.raises(BadInputError):
            insights.ask_insight(actor=ada, person=alice, reason=reason, hours=hours)
    with pytest.raises(BadInputError):
        ask(ada, ada)
    ask(ada, alice)
    with pytest.raises(ConflictError):
        ask(ada, alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.make_insight(reader=ada, person=alice, hours=48)


def ways_it_ends(ada: User, aaron: User, alice: User, insight: Insight) -> dict[str, Any]:
    past = timezone.now() - timedelta(seconds=1)
    return {
        "expired": lambda: Insight.objects.filter(pk=insight.pk).update(expires_at=past),
        "ended by its reader": lambda: insights.end_insight(actor=ada, insight=insight),
        "ended by another": lambda: insights.end_insight(actor=aaron, insight=insight),
        "the reader lost the role": lambda: User.objects.filter(pk=ada.pk).update(roles=["employee"]),
        "the reader was suspended": lambda: User.objects.filter(pk=ada.pk).update(is_active=False),
    }


@pytest.mark.parametrize(
    "way",
    [
        "expired",
        "ended by its reader",
        "ended by another",
        "the reader lost the role",
        "the reader was suspended",
    ],
)
def test_when_it_is_over_nothing_opens(
    way: str, ada: User, aaron: User, alice: User, talk: Conversation, signed_in: SignIn
) -> None:
    insight = insights.approve_insight(actor=aaron, insight=ask(ada, alice))
    browser = signed_in(ada)
    assert browser.get(path(insight, talk)).status_code == 200
    ways_it_ends(ada, aaron, alice, insight)[way]()
    for address in (path(insight), path(insight, talk)):
        response = browser.get(address)
        assert response.status_code in (302, 404)
        assert "raise" not in response.content.decode()
    with pytest.raises(NotFoundError):
        insights.reveal(actor=User.objects.get(pk=ada.pk), insight=insight, obj=talk)


def test_it_opens_one_persons_conversations_to_one_reader(
    ada: User, aaron: User, alice: User, bob: User, talk: Conversation, signed_in: SignIn
) -> None:
    insight = insights.approve_insight(actor=aaron, insight=ask(ada, alice))
    of_bob = factories.make_conversation(owner=bob)
    deleted = factories.make_conversation(owner=alice, deleted_at=timezone.now())
    for other in (of_bob, deleted):
        assert signed_in(ada).get(path(insight, other)).status_code == 404
    boss = factories.make_user("boss", roles=[Role.ADMIN])
    for person in (aaron, alice, bob, boss):
        assert signed_in(person).get(path(insight, talk)).status_code == 404


def test_no_search_list_or_interface_knows_of_it(
    ada: User, aaron: User, alice: User, talk: Conversation, signed_in: SignIn, with_key: SignIn
) -> None:
    insights.approve_insight(actor=aaron, insight=ask(ada, alice))
    browser, program = signed_in(ada), with_key(ada)
    message = talk.messages.last()
    assert message
    for address in ("/search/?q=raise", "/search/suggest?q=raise", "/", "/c/older", "/c/shelf", "/account/data/"):
        assert "About the raise" not in browser.get(address).content.decode()
    for address in (f"/api/v1/messages/{message.pk}", f"/api/v1/messages/{message.pk}/receipt"):
        assert program.get(address).status_code == 404
    assert not Conversation.objects.visible_to(ada).exists()
    assert not Message.objects.visible_to(ada).exists()
    assert program.get(path(Insight.objects.get(), talk)).status_code in (302, 401, 404)


def test_a_source_closed_to_the_reader_stays_closed(
    ada: User, aaron: User, alice: User, crew: Group, olivia: User, talk: Conversation, signed_in: SignIn
) -> None:
    source = factories.make_source(owner=olivia, groups=[crew])
    document = factories.make_document(source=source, paragraphs=["The band is 56 to 72."])
    answer = factories.make_answer(conversation=talk, text="It is 56. [1]")
    factories.make_citation(message=answer, passage=document.versions.get().passages.get())
    insight = insights.approve_insight(actor=aaron, insight=ask(ada, alice))
    page = signed_in(ada).get(path(insight, talk)).content.decode()
    assert "You do not have access to this source." in page
    assert "The band is 56 to 72." not in page


def test_what_was_held_from_its_person_is_held_from_the_reader(
    ada: User, aaron: User, alice: User, talk: Conversation, signed_in: SignIn
) -> None:
    factories.make_answer(conversation=talk, text="", held_text="Band 5 is 56 to 72.", state=Message.State.HELD)
    insight = insights.approve_insight(actor=aaron, insight=ask(ada, alice))
    assert "Band 5" not in signed_in(ada).get(path(insight, talk)).content.decode()


def test_the_person_sees_it_while_it_lasts_and_ever_after(
    ada: User, aaron: User, alice: User, bob: User, talk: Conversation, signed_in: SignIn
) -> None:
    browser = signed_in(alice)
    insight = ask(ada, alice)
    assert "may read your conversations" not in browser.get("/").content.decode()
    insights.approve_insight(actor=aaron, insight=insight)
    for address in ("/", f"/c/{talk.pk}/"):
        assert "may read your conversations" in browser.get(address).content.decode()
    signed_in(ada).get(path(insight, talk))
    insights.end_insight(actor=ada, insight=insight)
    assert "may read your conversations" not in browser.get("/").content.decode()
    page = browser.get("/account/insights/").content.decode()
    assert REASON in page
    assert "Opened 1 conversation." in page
    assert REASON not in signed_in(bob).get("/account/insights/").content.decode()


def test_one_that_was_refused_cannot_be_allowed_after_all(ada: User, aaron: User, alice: User) -> None:
    insight = ask(ada, alice)
    insights.refuse_insight(actor=aaron, insight=insight)
    with pytest.raises(ConflictError):
        insights.approve_insight(actor=aaron, insight=insight)
    insights.end_insight(actor=ada, insight=insight)
    insight.refresh_from_db()
    assert insight.state == Insight.State.REFUSED
    assert not Insight.objects.about(alice).exists()


def test_no_role_reads_conversations_by_itself(alice: User, talk: Conversation) -> None:
    person = factories.make_user("everything", roles=list(GRANTS))
    assert not Conversation.objects.visible_to(person).filter(pk=talk.pk).exists()
    people.assign_roles(actor="system", user=person, roles=[*GRANTS])
    assert not Message.objects.visible_to(person).exists()
