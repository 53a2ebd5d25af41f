"""What the chat pages show, read in a constant number of statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from app.web.paging import Page, newest_first
from chat.composing.branches import steps_of, versions_of
from chat.models import Attachment, Conversation, ConversationQuerySet, Message, Reply, Tag
from chat.pages.grounding import grounds_views
from chat.pages.presenting import AnswerView, QuestionView, view_of
from chat.pages.waiting import WaitView
from chat.writing.finishing import CONTENT_KIND
from moderation.review.standing import standings_of

SIDEBAR_ROWS = 40
TURN_ROWS = 60
MOST_SHOWING = 400
Labelled = list[tuple[str, list[Conversation]]]


@dataclass(frozen=True)
class Shelf:
    """Which conversations the sidebar lists: those that are kept at hand, of them those with a tag, or the archived."""

    tag_id: UUID | None = None
    is_archive: bool = False

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Shelf:
        """As the address of a page names it; what cannot be read is as if it were not there."""
        try:
            return cls(tag_id=UUID(asked.get("tag", "")))
        except ValueError:
            return cls(is_archive=asked.get("shelf") == "archive")

    @property
    def query(self) -> str:
        """How an address names it; begins with "?" unless it is empty."""
        if self.is_archive:
            return "?shelf=archive"
        return f"?tag={self.tag_id}" if self.tag_id else ""

    def rows_of(self, user: User) -> ConversationQuerySet:
        unread = Reply.objects.filter(conversation=OuterRef("pk"), read_at=None)
        mine = Conversation.objects.in_sidebar_of(user).annotate(has_reply=Exists(unread))
        if self.is_archive:
            return mine.filter(archived_at__isnull=False)
        return mine.filter(archived_at=None, **({"tags": self.tag_id} if self.tag_id else {}))


def sidebar_of(user: User, cursor: str | None = None, shelf: Shelf = Shelf()) -> Page[Conversation]:
    """A page of this person's conversations, the latest first, without the pinned ones."""
    rows = shelf.rows_of(user).filter(pinned_at=None)
    return newest_first(rows, by="active_at", limit=SIDEBAR_ROWS, cursor=cursor)


def pins_of(user: User, shelf: Shelf = Shelf()) -> list[Conversation]:
    """The pinned ones, the last pinned first. They are few, and all of them stand above the first page."""
    return list(shelf.rows_of(user).filter(pinned_at__isnull=False).order_by("-pinned_at"))


def tags_of(user: User) -> list[Tag]:
    """The tags of which this person has conversations, by name."""
    kept = Conversation.objects.in_sidebar_of(user).filter(tags=OuterRef("pk"))
    return list(Tag.objects.visible_to(user).filter(Exists(kept)))


def by_day(conversations: list[Conversation]) -> Labelled:
    """Conversations under Today, Yesterday, Last 7 days, and then by month."""
    return [(label, list(rows)) for label, rows in groupby(conversations, key=_day_label)]


def _day_label(conversation: Conversation) -> str:
    today = timezone.localdate()
    day = timezone.localtime(conversation.active_at).date()
    if day >= today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    if day > today - timedelta(days=7):
        return _("Last 7 days")
    return date_format(day, "F Y")


def waiting_files(user: User, conversation: Conversation | None) -> list[Attachment]:
    """What waits where one writes: brought in, and not asked with yet."""
    mine = Attachment.objects.visible_to(user).unasked().without_text()
    return list(mine.filter(conversation=conversation).order_by("created_at", "pk"))


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
        .prefetch_related("citations__passage__version__document", "generations", "feedback__replies__author")
        .prefetch_related(Prefetch("files", Attachment.objects.without_text().order_by("created_at", "pk")))
    )
    versions, by_id = versions_of(rows), {row.id: row for row in rows}
    shown = [by_id[one.id] for one in reversed(steps) if one.id in by_id]
    items = [view_of(row, conversation.assistant, versions.get(row.id)) for row in shown]
    _say_more(items, shown, conversation)
    return Turns(items, steps[-1].parent_id if steps else None)


def _say_more(items: list[AnswerView | QuestionView], rows: list[Message], conversation: Conversation) -> None:
    """What answers stand on, and how those that are held stand in the queue."""
    grounds = grounds_views(rows, conversation.owner, conversation.assistant)
    held = standings_of(CONTENT_KIND, [row.id for row in rows if row.state == Message.State.HELD])
    for item in items:
        if isinstance(item, AnswerView):
            item.grounds = grounds.get(item.id)
            item.standing = WaitView.of(held[item.id]) if item.id in held else None
