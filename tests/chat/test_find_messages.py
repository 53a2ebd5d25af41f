"""Finding what was asked and answered: one's own alone, by words as typed, with filters, page after page."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from app.errors import BadInputError
from chat.models import Conversation, Message
from chat.pages import finding
from chat.pages.finding import Wanted, find_messages, find_titles
from tests.conftest import SignIn
from tests.factories import (
    make_answer,
    make_assistant,
    make_citation,
    make_conversation,
    make_document,
    make_message,
    make_source,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def talk(alice: User) -> Conversation:
    return make_conversation(owner=alice, title="Talk")


def said(user: User, text: str, **wanted: object) -> list[str]:
    """The texts of what was found."""
    hits = find_messages(user, Wanted(text, **wanted)).items  # type: ignore[arg-type]
    return [Message.objects.get(pk=hit.message.pk).text for hit in hits]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("You may carry over five days.", "carry days"),
        ("You may carry over five days.", "DAYS Carry"),
        ("You may carry over five days.", "car"),
        ("You may carry over five days.", '"carry over"'),
        ("You may carry over five days.", "carry -weeks"),
        ("Wie viele Urlaubstage habe ich im Übergangsjahr?", "übergang"),
        ("Где мой пропуск?", "пропуск"),
        ("C'est l'été.", "l'été"),
        ("See BR-1042 on example.org/forms", "br-1042"),
        ("See BR-1042 on example.org/forms", "example.org"),
        ("A back\\slash and a 'quote'", "back\\slash 'quote'"),
    ],
)
def test_words_find_a_message(alice: User, talk: Conversation, text: str, query: str) -> None:
    make_message(conversation=talk, text=text)
    assert said(alice, query) == [text]


@pytest.mark.parametrize("query", ["carry weeks", '"over carry"', "carry -days", "da", "arry"])
def test_other_words_do_not(alice: User, talk: Conversation, query: str) -> None:
    make_message(conversation=talk, text="You may carry over five days.")
    assert said(alice, query) == []


@pytest.mark.parametrize("query", ["", "  ", "-days", '""', "!? &|", "\x00"])
def test_without_a_word_nothing_is_searched(alice: User, query: str) -> None:
    with pytest.raises(BadInputError, match="Write a word"):
        find_messages(alice, Wanted(query))


def test_only_one_s_own_is_found(alice: User, bob: User, talk: Conversation) -> None:
    make_message(conversation=talk, text="The zebra is hers.")
    make_message(conversation=make_conversation(owner=bob), text="The zebra is his.")
    assert said(alice, "zebra") == ["The zebra is hers."]
    assert said(bob, "zebra") == ["The zebra is his."]


def test_nobody_finds_others_by_writing_their_mark(alice: User, bob: User, talk: Conversation) -> None:
    make_message(conversation=make_conversation(owner=bob), text=f"of {alice.pk} zebra")
    assert said(alice, "zebra") == []
    assert said(alice, f'"of {alice.pk}"') == []


def test_what_was_deleted_is_not_found(alice: User, talk: Conversation) -> None:
    make_message(conversation=talk, text="zebra")
    Conversation.objects.filter(pk=talk.pk).update(deleted_at=timezone.now())
    assert said(alice, "zebra") == []
    Conversation.objects.filter(pk=talk.pk).update(deleted_at=None, archived_at=timezone.now())
    assert said(alice, "zebra") == ["zebra"]


def test_what_is_held_back_is_not_found(alice: User, talk: Conversation) -> None:
    make_answer(conversation=talk, text="Shown.", held_text="The zebra waits.", state=Message.State.HELD)
    assert said(alice, "zebra") == []
    assert said(alice, "shown") == ["Shown."]


def test_an_answer_is_found_once_it_has_ended(alice: User, talk: Conversation) -> None:
    answer = make_answer(conversation=talk, text="A zebra", state=Message.State.RUNNING)
    assert said(alice, "zebra") == []
    Message.objects.filter(pk=answer.pk).update(state=Message.State.DONE, text="A zebra crossing")
    assert said(alice, "zebra cross") == ["A zebra crossing"]


@pytest.mark.parametrize("walked", [finding.WALKED, 2])
def test_pages_follow_each_other_from_the_newest(
    alice: User, talk: Conversation, monkeypatch: pytest.MonkeyPatch, walked: int
) -> None:
    """Whether the newest are enough to look through, or the index has to be asked."""
    monkeypatch.setattr(finding, "WALKED", walked)
    now = timezone.now()
    for number in range(7):
        make_message(conversation=talk, text=f"zebra {number}", created_at=now - timedelta(minutes=number // 2))
        make_message(conversation=talk, text="horse")
    found, cursor = [], None
    for _ in range(4):
        page = find_messages(alice, Wanted("zebra"), limit=2, cursor=cursor)
        found += [hit.message for hit in page.items]
        cursor = page.next
    assert cursor is None and len({one.pk for one in found}) == 7
    assert found == sorted(found, key=lambda one: (one.created_at, one.pk), reverse=True)


def test_a_time_and_an_assistant_narrow_it(alice: User, talk: Conversation) -> None:
    other = make_conversation(owner=alice, assistant=make_assistant(slug="other"))
    spring, summer = (datetime(2026, month, 1, 12, tzinfo=ZoneInfo("UTC")) for month in (4, 7))
    make_message(conversation=talk, text="zebra in spring", created_at=spring)
    make_message(conversation=other, text="zebra in summer", created_at=summer)
    assert said(alice, "zebra", until=spring + timedelta(days=1)) == ["zebra in spring"]
    assert said(alice, "zebra", since=summer) == ["zebra in summer"]
    assert said(alice, "zebra", assistant_id=other.assistant_id) == ["zebra in summer"]


def test_answers_with_sources_alone(alice: User, olivia: User, talk: Conversation) -> None:
    passage = make_document(source=make_source(owner=olivia)).versions.get().passages.get()
    cited = make_answer(conversation=talk, text="A zebra. [1]")
    make_citation(message=cited, passage=passage)
    make_answer(conversation=talk, text="Another zebra.")
    assert said(alice, "zebra", with_sources=True) == ["A zebra. [1]"]


def test_a_snippet_marks_the_words_without_signs(alice: User, talk: Conversation) -> None:
    make_message(
        conversation=talk, text=f"{'Before. ' * 200}The **zebra** `crosses` a < b here. [12] {'After. ' * 200}"
    )
    (hit,) = find_messages(alice, Wanted("zebra")).items
    assert [part.text for part in hit.snippet if part.is_marked] == ["zebra"]
    whole = "".join(part.text for part in hit.snippet)
    assert "The zebra crosses a < b here" in whole and "[12]" not in whole and len(whole) < 400


def test_a_title_is_found_too(alice: User, bob: User, talk: Conversation) -> None:
    make_conversation(owner=bob, title="Talk")
    assert find_titles(alice, "tal", limit=5) == [talk]
    assert find_titles(alice, "tale", limit=5) == []


def test_the_page_leads_to_the_message(alice: User, talk: Conversation, signed_in: SignIn) -> None:
    message = make_message(conversation=talk, text="Where does a zebra < 1 m sleep?")
    page = signed_in(alice).get("/search/?q=zebra").content.decode()
    assert f'href="/c/{talk.id}/?at={message.id}#m-{message.id}"' in page
    assert "<mark>zebra</mark>" in page and "&lt; 1 m" in page
    assert f'id="m-{message.id}"' in signed_in(alice).get(f"/c/{talk.id}/?at={message.id}").content.decode()


def test_the_page_goes_on_with_its_filters(alice: User, talk: Conversation, signed_in: SignIn) -> None:
    for number in range(finding.ROWS + 1):
        make_message(conversation=talk, text=f"zebra {number}")
    page = signed_in(alice).get("/search/?q=zebra&since=2026-01-01").content.decode()
    address = page.split('aria-label="More of the list">')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    assert "since=2026-01-01" in address
    more = signed_in(alice).get(address).content.decode()
    assert more.count('class="hit"') == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("q=-zebra", "Write a word to find."),
        ("q=zebra&since=2026-02-01&until=2026-01-01", "This day is before the first one."),
        ("q=zebra&since=soon", "Enter a valid date."),
        ("q=zebra&assistant=nobody", "Select a valid choice."),
    ],
)
def test_what_cannot_be_searched_is_said(alice: User, signed_in: SignIn, query: str, words: str) -> None:
    assert words in signed_in(alice).get(f"/search/?{query}").content.decode()


def test_a_cursor_of_nobody_is_refused(alice: User, signed_in: SignIn) -> None:
    assert signed_in(alice).get("/search/?q=zebra&cursor=nonsense").status_code == 422


def test_suggestions_come_with_the_second_letter(alice: User, talk: Conversation, signed_in: SignIn) -> None:
    make_message(conversation=talk, text="Where is the zebra?")
    client = signed_in(alice)
    address = reverse("chat:suggest")
    assert "<mark>zebra</mark>" in client.get(address, {"q": "zeb"}).content.decode()
    assert ">Talk<" in client.get(address, {"q": "talk"}).content.decode()
    assert "Nothing found" in client.get(address, {"q": "horse"}).content.decode()
    for silent in ("", "z", "-x", "''"):
        assert client.get(address, {"q": silent}).content.decode().strip() == ""


def test_the_database_says_whose_a_message_is(alice: User, talk: Conversation) -> None:
    message = make_message(conversation=talk)
    with connection.cursor() as cursor:
        cursor.execute("select owner_id from chat_message where id = %s", [message.pk])
        assert cursor.fetchone() == (alice.pk,)
