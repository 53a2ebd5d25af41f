"""What the chat pages show, read in a constant number of statements."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from app.web.paging import Page, newest_first
from chat.models import Conversation, Message
from chat.pages.presenting import AnswerView, QuestionView, view_of

SIDEBAR_ROWS = 40
TURN_ROWS = 200
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


def turns_of(conversation: Conversation) -> list[AnswerView | QuestionView]:
    """The messages of a conversation in order: every question with the newest answer to it."""
    rows = (
        conversation.messages.select_related("parent")
        .prefetch_related("citations__passage__version__document", "generations", "feedback")
        .order_by("-created_at", "-id")[:TURN_ROWS]
    )
    newest_answers: set[UUID | None] = set()
    shown: list[Message] = []
    for row in rows:
        if row.role == Message.Role.ASSISTANT:
            if row.parent_id in newest_answers:
                continue
            newest_answers.add(row.parent_id)
        shown.append(row)
    return [view_of(row, conversation.assistant) for row in reversed(shown)]
