"""What the chat pages show, read in a constant number of statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from app.web.paging import Page, newest_first
from chat.composing.branches import steps_of, versions_of
from chat.models import Conversation
from chat.pages.presenting import AnswerView, QuestionView, view_of

SIDEBAR_ROWS = 40
TURN_ROWS = 60
MOST_SHOWING = 400
Labelled = list[tuple[str, list[Conversation]]]


def sidebar_of(user: User, cursor: str | None = None) -> Page[Conversation]:
    """A page of this person's conversations, the latest first."""
    mine = Conversation.objects.visible_to(user).filter(origin=Conversation.Origin.BROWSER)
    return newest_first(mine, by="active_at", limit=SIDEBAR_ROWS, cursor=cursor)


def by_day(conversations: list[Conversation]) -> Labelled:
    """Conversations under Today, Yesterday, Last 7 days, and then by month."""
    return [(label, list(rows)) for label, rows in groupby(conversations, key=_day_label)]


def _day_label(conversation: Conversation) -> str:
    today = timezone.localdate()
    day = timezone.localtime(conversation.active_at).date()
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if day > today - timedelta(days=7):
        return "Last 7 days"
    return day.strftime("%B %Y")


@dataclass(frozen=True)
class Turns:
    """A stretch of a branch, oldest first. ``earlier`` ends the stretch before it; nothing when this is the first."""

    items: list[AnswerView | QuestionView]
    earlier: UUID | None


def turns_of(conversation: Conversation, *, until: UUID | None = None, showing: UUID | None = None) -> Turns:
    """The newest 60 messages of the branch that is shown, or of the one up to ``until``; and more of them if it takes
    that to have ``showing`` among them. A constant number of statements.
    """
    steps = steps_of(conversation.id, end=until, most=MOST_SHOWING if showing else TURN_ROWS)
    place = next((index for index, one in enumerate(steps) if one.id == showing), 0)
    steps = steps[: max(TURN_ROWS, place + 2)]
    rows = list(
        conversation.messages.filter(pk__in=[one.id for one in steps])
        .select_related("parent")
        .prefetch_related("citations__passage__version__document", "generations", "feedback")
    )
    versions, by_id = versions_of(rows), {row.id: row for row in rows}
    shown = [by_id[one.id] for one in reversed(steps) if one.id in by_id]
    items = [view_of(row, conversation.assistant, versions.get(row.id)) for row in shown]
    return Turns(items, steps[-1].parent_id if steps else None)
