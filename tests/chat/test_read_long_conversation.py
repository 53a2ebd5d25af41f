"""A conversation of any length: its end is on the page at once, and what is earlier comes in stretches."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chat.models import Message
from chat.pages.queries import TURN_ROWS, turns_of
from chat.verbs.asking import ask
from tests import factories

pytestmark = pytest.mark.django_db

MESSAGES = 1_000
FEWER = 3 * TURN_ROWS + 7


@pytest.fixture
def long(alice):
    """A conversation of 1,000 messages; its messages, oldest first."""
    return make_turns(alice, MESSAGES)


@pytest.fixture
def shorter(alice):
    """One of a few stretches, the earliest of which is not full."""
    return make_turns(alice, FEWER)


def make_turns(alice, count):
    conversation = factories.make_conversation(owner=alice)
    rows: list[Message] = []
    begun = timezone.now() - timedelta(days=1)
    for number in range(count):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        at = begun + timedelta(seconds=number)
        log = [[1, "accepted", None], [2, "delta", 9], [3, "done", None]] if number % 2 else []
        rows.append(
            Message(
                conversation=conversation,
                parent=rows[-1] if rows else None,
                role=role,
                state=Message.State.DONE,
                text=f"Word {number:04}",
                log=log,
                seq=len(log),
                created_at=at,
                finished_at=at,
            )
        )
    Message.objects.bulk_create(rows)
    return rows


def words(html: str) -> list[int]:
    return [int(number) for number in re.findall(r"Word (\d{4})", html)]


def test_every_message_is_shown_once_from_the_end_to_the_beginning(alice, shorter, signed_in):
    browser, place = signed_in(alice), reverse("chat:conversation", args=[shorter[0].conversation_id])
    seen, address, pages = [], place, 0
    while address:
        page = browser.get(address).content.decode()
        pages += 1
        seen = words(page) + seen
        way = re.search(r'hx-get="([^"]*/turns\?until=[^"]*)"', page)
        address = way[1] if way else None
    assert seen == list(range(FEWER))
    assert pages == -(-FEWER // TURN_ROWS)


def test_the_same_without_scripts(alice, long, signed_in):
    browser, place = signed_in(alice), reverse("chat:conversation", args=[long[0].conversation_id])
    page = browser.get(place).content.decode()
    assert words(page)[-1] == MESSAGES - 1
    way = re.search(r'href="(\?until=[^"]*)"', page)
    earlier = browser.get(place + way[1]).content.decode()
    assert words(earlier)[-1] == words(page)[0] - 1
    assert "To the newest messages" in earlier


def test_a_stretch_costs_as_much_as_a_short_conversation(alice, long):
    short = factories.make_conversation(owner=alice)
    factories.make_answer(conversation=short)
    counts = []
    for conversation in (short, long[0].conversation):
        with CaptureQueriesContext(connection) as captured:
            turns_of(conversation)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_a_version_far_up_is_on_the_page_that_shows_it(long):
    far = long[MESSAGES - 151]
    turns = turns_of(long[0].conversation, showing=far.id)
    assert far.id in [one.id for one in turns.items]
    assert turns.items[-1].id == long[-1].id


def test_what_is_not_of_this_conversation_is_not_there(alice, long, signed_in):
    browser, place = signed_in(alice), reverse("chat:turns", args=[long[0].conversation_id])
    other = factories.make_answer(conversation=factories.make_conversation(owner=alice))
    for until in (uuid4(), other.id):
        assert browser.get(place, {"until": until}).status_code == 404
    assert browser.get(place, {"until": "x"}).status_code == 422


def test_a_question_goes_on_from_its_end(alice, long):
    turn = ask(alice, conversation=long[0].conversation, text="And?")
    assert turn.question.parent_id == long[-1].id
