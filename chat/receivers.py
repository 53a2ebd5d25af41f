"""What chat does when something happens: begin writing, stop, tell who watches, and follow moderators' decisions."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import redis.exceptions
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.dispatch import receiver

from chat.finishing import CONTENT_KIND
from chat.releasing import apply_decision
from chat.runner import runner
from chat.signals import answer_queued, conversation_changed, stop_asked
from moderation.models import Case, Decision
from moderation.signals import case_decided

log = logging.getLogger(__name__)


def watchers_of(conversation_id: UUID) -> str:
    """The channel group of everyone who has this conversation open."""
    return f"conversation.{conversation_id}"


@receiver(answer_queued)
def begin(message_id: UUID, **_: Any) -> None:
    runner.start_soon(message_id)


@receiver(stop_asked)
def stop(message_id: UUID, **_: Any) -> None:
    runner.stop_soon(message_id)


@receiver(conversation_changed)
def tell_watchers(conversation_id: UUID, message_id: UUID, **_: Any) -> None:
    """A hint to look; whoever misses it sees the news a little later."""
    layer = get_channel_layer()
    news = {"type": "conversation.news", "message_id": str(message_id)}
    try:
        async_to_sync(layer.group_send)(watchers_of(conversation_id), news)
    except (redis.exceptions.RedisError, OSError) as error:
        log.warning("watchers of %s were not told: %r", conversation_id, error)


@receiver(case_decided)
def follow_decision(case: Case, decision: Decision, **_: Any) -> None:
    if case.content_kind == CONTENT_KIND:
        apply_decision(case.content_id, decision)
