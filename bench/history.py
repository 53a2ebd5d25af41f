"""How long a page of one's conversations takes, the first and one 90,000 deep, for somebody who has 100,000.

Through the functions that the sidebar calls. OFFSET stands beside it, as what keyset paging saves; and beside the whole
sidebar, with pins and tags, that of somebody with a page of conversations.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from accounts.audit import SYSTEM
from accounts.models import User
from accounts.ownership import as_owner
from accounts.people.people import create_person
from app.web.paging import MAX_LIMIT, newest_first
from bench.harness import Goal, Row, interleaved
from bench.house import House
from chat.models import Assistant, Conversation, Tag
from chat.pages.queries import SIDEBAR_ROWS, Shelf, pins_of, sidebar_of, tags_of

ROWS, DEPTH = 100_000, 90_000
FEW, TAGGED = 60, 1_000
CALLS = 60


def run(house: House) -> list[Row]:
    user = create_person(actor=SYSTEM, email="reader@example.org", password=None)
    few = create_person(actor=SYSTEM, email="few@example.org", password=None)
    _fill(user, few)
    tag = _pin_and_tag(user)
    _pin_and_tag(few)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("vacuum analyze chat_conversation, chat_conversation_tags, chat_tag")
    deep = _cursor_at(user, DEPTH)
    mine = Conversation.objects.visible_to(user).filter(
        origin=Conversation.Origin.BROWSER, archived_at=None, pinned_at=None
    )
    times = interleaved(
        {
            "few": lambda: _milliseconds(lambda: _whole(few)),
            "whole": lambda: _milliseconds(lambda: _whole(user)),
            "tag": lambda: _milliseconds(lambda: sidebar_of(user, shelf=Shelf(tag_id=tag.pk))),
            "first": lambda: _milliseconds(lambda: sidebar_of(user)),
            "deep": lambda: _milliseconds(lambda: sidebar_of(user, deep)),
            "offset": lambda: _milliseconds(
                lambda: list(mine.order_by("-active_at", "-pk")[DEPTH : DEPTH + SIDEBAR_ROWS])
            ),
        }
    )
    return [
        Row("whole sidebar", times["whole"], "ms", f"of somebody with {FEW}", times["few"], Goal("ratio", 1.2)),
        Row(f"first page of a tag with {TAGGED:,}", times["tag"], "ms", "first page", times["first"]),
        Row("first page", times["first"], "ms"),
        Row(f"page at {DEPTH:,}", times["deep"], "ms", "first page", times["first"], Goal("ratio", 1.2)),
        Row(f"the same by OFFSET {DEPTH:,}", times["offset"], "ms", "first page", times["first"]),
    ]


def _whole(user: User) -> object:
    return sidebar_of(user), pins_of(user), tags_of(user)


def _pin_and_tag(user: User) -> Tag:
    """Ten of the latest pinned, ten tags on some of them; the one returned is on TAGGED more, if there are."""
    latest = list(Conversation.objects.filter(owner=user).order_by("-active_at")[: 2 * TAGGED])
    Conversation.objects.filter(pk__in=[one.pk for one in latest[5:15]]).update(pinned_at=timezone.now())
    tags = Tag.objects.bulk_create(Tag(owner=user, name=f"tag {number}") for number in range(10))
    for tag in tags:
        tag.conversations.add(*latest[15:25])
    tags[0].conversations.add(*latest[25::2])
    return tags[0]


def _fill(user: User, few: User) -> None:
    """One conversation a minute, with other people's between them."""
    other = create_person(actor=SYSTEM, email="other@example.org", password=None)
    assistant = Assistant.objects.create(slug="bench", name="Bench", is_for_everyone=True)
    now = timezone.now()
    Conversation.objects.bulk_create(Conversation(owner=few, assistant=assistant) for _ in range(FEW))
    for begin in range(0, ROWS, 5_000):
        Conversation.objects.bulk_create(
            Conversation(
                owner=owner,
                assistant=assistant,
                title=f"Conversation {number}",
                active_at=now - timedelta(minutes=number),
            )
            for number in range(begin, begin + 5_000)
            for owner in ([user, other] if number % 10 == 0 else [user])
        )


def _cursor_at(user: User, depth: int) -> str | None:
    """The cursor of the page that begins after ``depth`` rows, reached as a reader reaches it."""
    mine = Conversation.objects.visible_to(user).filter(
        origin=Conversation.Origin.BROWSER, archived_at=None, pinned_at=None
    )
    cursor: str | None = None
    for _ in range(depth // MAX_LIMIT):
        cursor = newest_first(mine, by="active_at", limit=MAX_LIMIT, cursor=cursor).next
    return cursor


def _milliseconds(call: Callable[[], object]) -> float:
    """The median of many calls."""
    times = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times)
