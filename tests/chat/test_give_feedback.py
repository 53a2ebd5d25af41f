"""Feedback: given, changed and taken back by its reader; answered by moderators and keepers, who learn no name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from accounts.models import AuditEvent, Group, User
from app.errors import BadInputError, NotFoundError
from app.web.threads import in_thread
from chat.models import Feedback, Message, Reply
from chat.socket import actions
from chat.verbs.keeping import delete_conversation
from chat.verbs.rating import rate_answer, withdraw_rating
from chat.verbs.replying import read_replies, reply_to
from tests import factories
from tests.chat.reading import Reader
from tests.conftest import SignIn
from tests.recorded import recorded

WORDS = "Part-timers are missing; ask ann@example.org."
QUESTION = "How many days of leave do I have?"


@pytest.fixture
def answer(alice: User, olivia: User, crew: Group) -> Message:
    """An answer to alice that cites olivia's document."""
    source = factories.make_source(owner=olivia, name="Crew papers", groups=[crew])
    document = factories.make_document(source=source)
    passage = document.versions.get().passages.get()
    card = {"document_id": str(document.id), "passage_id": str(passage.id)}
    log = [[1, "accepted", None], [2, "delta", len("You have 28 days. [1]")], [3, "done", None]]
    answer = factories.make_answer(conversation=factories.make_conversation(owner=alice), evidence=[card], log=log)
    factories.make_citation(message=answer, passage=passage)
    return answer


@pytest.fixture
def given(answer: Message, alice: User) -> Feedback:
    return rate_answer(alice, answer=answer, value=-1, reason="missing", text=WORDS)


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_it_can_be_changed_and_taken_back(given: Feedback, answer: Message, alice: User) -> None:
    rate_answer(alice, answer=answer, value=1, reason="clear")
    assert list(Feedback.objects.values_list("value", "reason", "text")) == [(1, "clear", "")]
    withdraw_rating(alice, answer=answer)
    withdraw_rating(alice, answer=answer)
    assert not Feedback.objects.exists()
    assert AuditEvent.objects.filter(action="message.withdraw_rating", object=f"message:{answer.pk}").count() == 1


def test_a_form_does_all_of_it(answer: Message, alice: User, signed_in: SignIn) -> None:
    client, address = signed_in(alice), f"/m/{answer.id}/feedback"
    assert client.post(address, {"value": "-1"}).status_code == 302
    shown = page(client, f"/c/{answer.conversation_id}/")
    assert "What is the matter?" in shown and "moderators and whoever keeps the cited documents read it" in shown
    client.post(address, {"value": "-1", "reason": "", "text": "Too old."})
    assert 'value="Too old."' in page(client, f"/c/{answer.conversation_id}/")
    drawn = client.post(address, {"value": "0"}, headers={"HX-Request": "true"}).content.decode()
    assert 'aria-pressed="true"' not in drawn and "What is the matter?" not in drawn
    assert not Feedback.objects.exists()


def test_programs_do_too(given: Feedback, answer: Message, alice: User, dana: User, with_key: SignIn) -> None:
    said = with_key(dana).post(
        f"/api/v1/feedback/{given.id}/reply", {"text": "Added."}, content_type="application/json"
    )
    assert said.status_code == 201
    told = with_key(alice).get(f"/api/v1/messages/{answer.id}").json()["feedback"]
    assert (told["value"], told["reason"], told["text"]) == (-1, "missing", WORDS)
    assert [(one["text"], one["by"], one["is_read"]) for one in told["replies"]] == [("Added.", "a moderator", False)]
    assert with_key(alice).delete(f"/api/v1/messages/{answer.id}/feedback").status_code == 200
    assert with_key(alice).get(f"/api/v1/messages/{answer.id}").json()["feedback"] is None


def test_a_moderator_sees_words_without_names(given: Feedback, dana: User, signed_in: SignIn) -> None:
    shown = page(signed_in(dana), "/review/feedback/")
    assert "Part-timers are missing" in shown and QUESTION in shown and "You have 28 days." in shown
    assert "ann@example.org" not in shown and "Alice" not in shown and "alice@" not in shown


def test_a_thumb_alone_shows_nobody_the_question(answer: Message, alice: User, dana: User, signed_in: SignIn) -> None:
    rate_answer(alice, answer=answer, value=-1)
    shown = page(signed_in(dana), "/review/feedback/")
    assert "A thumb alone" in shown and QUESTION not in shown and "You have 28 days. [" not in shown


def test_a_keeper_sees_what_touches_their_sources(
    given: Feedback, olivia: User, crew: Group, signed_in: SignIn
) -> None:
    shown = page(signed_in(olivia), "/knowledge/feedback/")
    assert QUESTION in shown and "The answer" in shown and "Annual leave" in shown
    other = factories.make_user("otto", roles=["owner"], groups=[crew])
    assert QUESTION not in page(signed_in(other), "/knowledge/feedback/")


def test_a_keeper_sees_no_answer_that_rests_on_what_they_may_not_read(
    given: Feedback, answer: Message, olivia: User, charlie: User, signed_in: SignIn
) -> None:
    hidden = factories.make_document(
        source=factories.make_source(owner=charlie, name="Secret", groups=[factories.make_group("Board")])
    )
    answer.evidence = [*answer.evidence, {"document_id": str(hidden.id), "passage_id": str(hidden.id)}]
    answer.save()
    shown = page(signed_in(olivia), "/knowledge/feedback/")
    assert "also rests on documents that you may not read" in shown and QUESTION in shown


def test_an_answer_from_a_file_can_be_rated_and_replied_to(
    given: Feedback, answer: Message, olivia: User, dana: User, signed_in: SignIn
) -> None:
    answer.evidence = [*answer.evidence, {"document_id": None, "passage_id": None, "file_id": str(answer.pk)}]
    answer.save()
    assert QUESTION in page(signed_in(dana), "/review/feedback/")
    shown = page(signed_in(olivia), "/knowledge/feedback/")
    assert "also rests on documents that you may not read" in shown and QUESTION in shown


def test_what_was_said_of_a_deleted_conversation_is_gone(
    given: Feedback, answer: Message, olivia: User, dana: User, signed_in: SignIn
) -> None:
    delete_conversation(given.user, conversation=answer.conversation)
    assert QUESTION not in page(signed_in(dana), "/review/feedback/?show=all")
    assert QUESTION not in page(signed_in(olivia), "/knowledge/feedback/?show=all")
    with pytest.raises(NotFoundError):
        reply_to(dana, feedback_id=given.pk, text="Added.")


def test_a_moderator_without_the_source_sees_its_name_alone(given: Feedback, dana: User, signed_in: SignIn) -> None:
    shown = page(signed_in(dana), "/review/feedback/")
    assert "Crew papers" in shown and "<blockquote" not in shown


def test_filters_and_pages(given: Feedback, answer: Message, dana: User, signed_in: SignIn) -> None:
    client = signed_in(dana)
    assert QUESTION in page(client, "/review/feedback/?show=down")
    assert QUESTION not in page(client, "/review/feedback/?show=up")
    reply_to(dana, feedback_id=given.pk, text="Added.")
    assert "Nothing waits for a reply" in page(client, "/review/feedback/")
    assert "Added." in page(client, "/review/feedback/?show=all")
    for number in range(31):
        other = factories.make_answer(conversation=answer.conversation, text=f"Answer {number}")
        Feedback.objects.create(message=other, user=answer.conversation.owner, value=-1)
    assert "cursor=" in page(client, "/review/feedback/")
    assert client.get("/review/feedback/?cursor=nonsense").status_code == 422


def test_a_reply_reaches_its_reader_with_a_mark_until_it_is_read(
    given: Feedback, answer: Message, alice: User, olivia: User, signed_in: SignIn
) -> None:
    client = signed_in(olivia)
    drawn = client.post(
        f"/feedback/{given.id}/reply", {"text": "Part-timers are in now."}, headers={"HX-Request": "true"}
    )
    assert "Part-timers are in now." in drawn.content.decode()
    reader = signed_in(alice)
    shown = page(reader, f"/c/{answer.conversation_id}/")
    assert "Part-timers are in now." in shown and "Olivia, who keeps the documents" in shown
    assert "A new reply:" in page(reader, "/")
    read = reader.post(f"/m/{answer.id}/read", headers={"HX-Request": "true"})
    assert "Mark as read" not in read.content.decode()
    assert read["HX-Trigger"] == f'{{"parley:read": "conversation-{answer.conversation_id}"}}'
    assert "A new reply:" not in page(reader, "/")
    assert Reply.objects.get().read_at is not None


def test_a_reply_is_audited_without_its_words(given: Feedback, dana: User) -> None:
    reply_to(dana, feedback_id=given.pk, text="Added.")
    event = AuditEvent.objects.get(action="feedback.reply", actor=str(dana.pk))
    assert event.object == f"message:{given.message_id}" and "Added." not in str(event.payload)


def test_outsiders_and_its_own_reader_get_404(given: Feedback, alice: User, bob: User, ada: User) -> None:
    alice.roles = [*alice.roles, "moderator"]
    alice.save()
    for person in (alice, bob):
        with pytest.raises(NotFoundError):
            reply_to(person, feedback_id=given.pk, text="Hello.")
    assert recorded(action="feedback.reply", outcome="denied").count() == 2
    assert reply_to(ada, feedback_id=given.pk, text="Seen.")  # an administrator keeps every source


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2001])
def test_a_reply_has_words_and_not_endlessly_many(given: Feedback, dana: User, text: str) -> None:
    with pytest.raises(BadInputError):
        reply_to(dana, feedback_id=given.pk, text=text)


def test_replies_go_with_what_they_reply_to(given: Feedback, answer: Message, alice: User, dana: User) -> None:
    reply_to(dana, feedback_id=given.pk, text="Added.")
    withdraw_rating(alice, answer=answer)
    assert not Reply.objects.exists()
    assert read_replies(alice, answer=answer) == 0


@pytest.mark.django_db(transaction=True)
async def test_a_program_at_the_socket_hears_of_a_reply(
    given: Feedback, answer: Message, dana: User, alice_key: str
) -> None:
    async with Reader(answer.conversation_id, key=alice_key) as reader:
        await in_thread(reply_to, dana, feedback_id=given.pk, text="Added.")
        frame = await reader.until("reply")
    assert (frame["message_id"], frame["text"], frame["seq"]) == (str(answer.id), "Added.", 0)


@pytest.mark.django_db(transaction=True)
async def test_a_reply_that_comes_while_a_line_opens_is_heard(
    given: Feedback, answer: Message, dana: User, alice_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_as_ever = actions.open_conversation

    def open_and_reply(user: User, conversation_id: UUID) -> Any:
        opened = open_as_ever(user, conversation_id)
        reply_to(dana, feedback_id=given.pk, text="Added.")
        return opened

    monkeypatch.setattr(actions, "open_conversation", open_and_reply)
    async with Reader(answer.conversation_id, key=alice_key) as reader:
        assert (await reader.until("reply"))["text"] == "Added."
