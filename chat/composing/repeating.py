"""Telling an answer again: the very same question, under the very same circumstances, is answered in the same words.

All that decides what a model writes goes into one key: the assistant with its prompt, models, policy and settings, the
groups of the reader and every source they may read, the whole prompt with the conversation so far, and the passages
that were found, with their versions and places. So nothing is ever told across rights, and whatever changes, a document
or a rule, makes the next answer a new one. Questions that are only alike are never taken for the same (see
docs/decisions/0016-repeating-answers.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.core.exceptions import EmptyResultSet
from django.utils import timezone

from accounts.models import User
from accounts.sealed.fields import opened
from app.inference.types import CompletionRequest
from app.web.statements import prepared_cursor
from chat.composing.briefing import Brief
from chat.models import Message
from knowledge.models import Source
from knowledge.retrieval.found import Found

KEPT_FOR = timedelta(hours=24)

# What one may read is digested by the database, where it is known: the key needs no statement of its own.
# An answer that is being written anew (it has siblings) gets its key, but nothing to repeat.
_FIND = """
WITH may AS (
    SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') AS ids FROM knowledge_source WHERE id IN ({rights})
),
own AS (SELECT encode(sha256(convert_to(%s || ':' || ids, 'UTF8')), 'hex') AS key FROM may)
SELECT own.key, kept.id, kept.text, kept.model_name, kept.created_at
FROM own LEFT JOIN LATERAL (
    SELECT m.id, m.text, g.model_name, g.created_at
    FROM chat_generation g
    JOIN chat_message m ON m.id = g.message_id AND m.fence = g.fence AND m.state = 'done' AND m.text <> ''
    JOIN chat_conversation c ON c.id = m.conversation_id AND c.deleted_at IS NULL
    WHERE g.repeat_key = own.key AND g.repeat_key <> '' AND g.repeats_id IS NULL
    AND g.model_name = %s AND g.created_at > %s AND g.usage ->> 'finish_reason' IS DISTINCT FROM 'length'
    AND NOT EXISTS (SELECT 1 FROM chat_feedback f WHERE f.message_id = m.id AND f.value < 0)
    ORDER BY g.created_at DESC LIMIT 1
) kept ON NOT EXISTS (SELECT 1 FROM chat_message s WHERE s.parent_id = %s AND s.role = 'assistant' AND s.id <> %s)
"""


@dataclass(frozen=True)
class Kept:
    """The ``key`` of an answer to be, and an earlier one with the same key, if there is one that may be told again."""

    key: str
    message_id: UUID | None = None
    text: str = ""
    model_name: str = ""
    answered_at: datetime | None = None

    def usage(self) -> dict[str, Any]:
        """What telling it again costs: nothing; and when it was written."""
        at = self.answered_at.isoformat(timespec="seconds") if self.answered_at else None
        none = {"tokens_in": 0, "tokens_cached": 0, "tokens_out": 0}
        return {**none, "finish_reason": "stop", "model": self.model_name, "repeated_from": at}


def find(brief: Brief, request: CompletionRequest, found: Sequence[Found]) -> Kept:
    """The key of this answer, and what may be told again instead of asking a model. One statement.

    An answer may be told again for a day, as long as it stands as it was written: done, kept by its reader, not rated
    down, and by the assistant's first model. One that was itself told again is not what others are told.
    """
    message = brief.message
    basis = circumstances(brief, request, found)
    try:
        rights, values = _readable(brief.reader)
    except EmptyResultSet:  # Django knows already that this person may read nothing
        rights, values = "SELECT NULL::uuid WHERE false", ()
    since = timezone.now() - KEPT_FOR
    with prepared_cursor() as cursor:
        sql = _FIND.format(rights=rights)
        cursor.execute(sql, [*values, basis, request.model, since, message.parent_id, message.pk])
        key, *kept = cursor.fetchone()
    if not kept[0] or (text := opened(Message, "text", kept[0], kept[1], when_erased="")) == "":
        return Kept(key)
    return Kept(key, kept[0], text, *kept[2:])


def circumstances(brief: Brief, request: CompletionRequest, found: Sequence[Found]) -> str:
    """Digest of all that decides what is written, but for the sources that the reader may read."""
    assistant, policy = brief.assistant, brief.policy_version
    told = [
        1,  # raise it when what is digested changes: what was kept before is then never found
        [assistant.pk, assistant.mode, assistant.prompt_id, policy.pk if policy else None],
        [request.model, *request.fallbacks, request.max_tokens, request.temperature],
        [brief.cache_salt, sorted(map(str, brief.source_ids))],
        [[turn.role, turn.content] for turn in request.messages],
        [[one.version_id, one.version_number, one.quote_start, one.quote_end, *_places(one)] for one in found],
    ]
    return hashlib.sha256(orjson.dumps(told)).hexdigest()


def _places(found: Found) -> list[list[Any]]:
    return [[part.passage_id, part.start, part.end] for part in found.passages()]


def _readable(reader: User) -> tuple[str, tuple[Any, ...]]:
    return Source.objects.visible_to(reader).order_by().values("pk").query.sql_with_params()
