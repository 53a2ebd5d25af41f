"""What chat does when something happens: stop, tell who watches, and follow moderators' decisions."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import UUID

import redis.exceptions
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.dispatch import receiver

from accounts.open_lines import PROCESS
from accounts.signals import access_ended, insight_changed
from chat.signals import (
    branch_chosen,
    conversation_changed,
    conversation_named,
    grounds_changed,
    reply_came,
    stop_asked,
)
from chat.streaming.groups import lines_of, watchers_of
from chat.writing.finishing import CONTENT_KIND
from chat.writing.hearing import WRITERS
from chat.writing.releasing import apply_decision
from chat.writing.runner import runner
from moderation.models import Case, Decision
from moderation.signals import case_decided

log = logging.getLogger(__name__)

NEWS_SECONDS = 0.03


@receiver(stop_asked)
def stop(message_id: UUID, reason: str = "", **_: Any) -> None:
    """Here at once, elsewhere as soon as the hint arrives; should it be lost, the writer looks into the row."""
    runner.stop_soon(message_id, reason)
    _tell(WRITERS, {"type": "stop.asked", "message_id": str(message_id), "reason": reason})


@receiver(conversation_changed)
def tell_watchers(conversation_id: UUID, message_id: UUID, **_: Any) -> None:
    """A hint to look; whoever misses it sees the news a little later. It lets the answer itself go first."""
    news = {"type": "conversation.news", "message_id": str(message_id)}
    _tell(watchers_of(conversation_id), news, after=NEWS_SECONDS)


@receiver(branch_chosen)
def tell_branch(conversation_id: UUID, end: UUID, **_: Any) -> None:
    _tell(watchers_of(conversation_id), {"type": "branch.chosen", "end": str(end)})


@receiver(conversation_named)
def tell_title(conversation_id: UUID, **_: Any) -> None:
    """Whoever misses it reads the title with the next page."""
    _tell(watchers_of(conversation_id), {"type": "conversation.named"})


@receiver(grounds_changed)
def tell_grounds(conversation_id: UUID, message_id: UUID, **_: Any) -> None:
    _tell(watchers_of(conversation_id), {"type": "answer.grounds", "message_id": str(message_id)})


@receiver(reply_came)
def tell_reply(user_id: UUID, conversation_id: UUID, message_id: UUID, **_: Any) -> None:
    """To every line that this person has open, whichever conversation it is of."""
    news = {"type": "reply.came", "message_id": str(message_id), "conversation_id": str(conversation_id)}
    _tell(lines_of(user_id), news)


def _tell(group: str, news: dict[str, str], after: float = 0.0) -> None:
    """Leave it to the loop that writes answers where there is one: a loop of its own for each hint, and with it a
    connection to Valkey, would cost more than the question itself."""
    if runner.loop is not None:
        asyncio.run_coroutine_threadsafe(_send(group, news, after), runner.loop)
    else:
        async_to_sync(_send)(group, news)


async def _send(group: str, news: dict[str, str], after: float = 0.0) -> None:
    await asyncio.sleep(after)
    try:
        await get_channel_layer().group_send(group, news)
    except (redis.exceptions.RedisError, OSError) as error:
        log.warning("%s was not told of %s: %r", group, news["type"], error)


@receiver(access_ended)
def close_lines(user_id: UUID, key: str = "", session: str = "", **_: Any) -> None:
    """Whoever may no longer be here loses the sockets they have open, or those that one key or session opened; and the
    other processes end what they are sending them.
    """
    news = {"type": "access.ended", "key": key, "session": session}
    _tell(lines_of(user_id), news)
    _tell(WRITERS, {**news, "user_id": str(user_id), "origin": PROCESS})


@receiver(insight_changed)
def tell_insight(user_id: UUID, **_: Any) -> None:
    """Somebody may read their conversations, or may no more: they see it at once, whatever they have open."""
    _tell(lines_of(user_id), {"type": "insight.changed"})


@receiver(case_decided)
def follow_decision(case: Case, decision: Decision, **_: Any) -> None:
    if case.content_kind == CONTENT_KIND:
        apply_decision(case.content_id, decision)
