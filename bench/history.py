"""How long a page of one's conversations takes, the first and one 90,000 deep, for somebody who has 100,000.

Through the function that the sidebar calls. OFFSET stands beside it, as what keyset paging saves.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from accounts.audit import SYSTEM
from accounts.models import User
from accounts.people import create_person
from app.web.paging import MAX_LIMIT, newest_first
from bench.harness import Goal, Row, interleaved
from bench.house import House
from chat.models import Assistant, Conversation
from chat.pages.queries import SIDEBAR_ROWS, sidebar_of

ROWS, DEPTH = 100_000, 90_000
CALLS = 60


def run(house: House) -> list[Row]:
    user = create_person(actor=SYSTEM, email="reader@example.org", password=None)
    _fill(user)
    deep = _cursor_at(user, DEPTH)
    mine = Conversation.objects.visible_to(user).filter(origin=Conversation.Origin.BROWSER)
    times = interleaved(
        {
            "first": lambda: _milliseconds(lambda: sidebar_of(user)),
            "deep": lambda: _milliseconds(lambda: sidebar_of(user, deep)),
            "offset": lambda: _milliseconds(
                lambda: list(mine.order_by("-active_at", "-pk")[DEPTH : DEPTH + SIDEBAR_ROWS])
            ),
        }
    )
    return [
        Row("first page", times["first"], "ms"),
        Row(f"page at {DEPTH:,}", times["deep"], "ms", "first page", times["first"], Goal("ratio", 1.2)),
        Row(f"the same by OFFSET {DEPTH:,}", times["offset"], "ms", "first page", times["first"]),
    ]


def _fill(user: User) -> None:
    """One conversation a minute, with other people's between them."""
    other = create_person(actor=SYSTEM, email="other@example.org", password=None)
    assistant = Assistant.objects.create(slug="bench", name="Bench", is_for_everyone=True)
    now = timezone.now()
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
    mine = Conversation.objects.visible_to(user).filter(origin=Conversation.Origin.BROWSER)
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
