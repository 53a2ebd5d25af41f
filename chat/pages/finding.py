"""Finding a message again by its words: among one's own, the newest first, quick however many there are.

A word that somebody uses often is found among their newest messages, read in order until there are enough. A rare one
is looked up in the index, which holds the owner's mark beside the words, so that what others wrote costs nothing. Which
of the two it is shows by itself: the newest few thousand are looked through first, and for most people they are all.
Words of three letters or more also match as beginnings, since 'simple' knows no grammar. Only the rows of a page get
snippets; they cost more than all the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import User
from app.errors import BadInputError
from app.web.paging import read_cursor, write_cursor
from chat.models import Conversation, Message
from knowledge.text.wording import plain

ROWS = 20
WALKED = 4_000
TITLES_WALKED = 2_000
MOST_WORDS = 16
LONGEST = 200
SHORTEST_BEGINNING = 3
MARK, UNMARK = "\ue000", "\ue001"  # of no script: text has no use for them

_PART = re.compile(r'(-?)"([^"]+)"|(\S+)')
_NUMBERS = re.compile(r"\s?\[\d{1,3}\]")

_NEWEST_FIRST = "order by created_at desc, id desc"
_KEPT = """
join chat_conversation c on c.id = f.conversation_id
where c.owner_id = %(owner)s and c.deleted_at is null {among}
"""
_AMONG_NEWEST = """
with walked as materialized (
    select id, conversation_id, created_at, words from chat_message
    where owner_id = %(owner)s and words is not null {when}
    {newest_first} limit {walked}
), found as (
    select f.id, f.created_at from walked f {kept} and f.words @@ to_tsquery('simple', %(asked)s)
    {newest_first} limit %(limit)s
)
select (select count(*) from walked), array(select id from found {newest_first})
"""
_AMONG_ALL = """
with matching as materialized (
    select id, conversation_id, created_at from chat_message
    where words @@ (to_tsquery('simple', %(asked)s) && %(mark)s::tsquery) and owner_id = %(owner)s {when}
), found as (
    select f.id, f.created_at from matching f {kept} {newest_first} limit %(limit)s
)
select array(select id from found {newest_first})
"""
_TITLED = """
select array(
    select id from (
        select id, title, active_at from chat_conversation
        where owner_id = %(owner)s and deleted_at is null order by active_at desc, id desc limit %(walked)s
    ) newest
    where to_tsvector('simple', lower(title)) @@ to_tsquery('simple', %(asked)s)
    order by active_at desc, id desc limit %(limit)s
)
"""
_SNIPPETS = """
select id, ts_headline('simple', "left"(text, 50000), to_tsquery('simple', %(asked)s), %(how)s)
from chat_message where id = any(%(ids)s)
"""
_HOW = f'StartSel={MARK}, StopSel={UNMARK}, MaxFragments=2, MinWords=8, MaxWords=24, FragmentDelimiter=" … "'


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for. ``since`` is part of the time, ``until`` is not."""

    text: str
    since: datetime | None = None
    until: datetime | None = None
    assistant_id: UUID | None = None
    with_sources: bool = False


@dataclass(frozen=True)
class Part:
    """A piece of a snippet."""

    text: str
    is_marked: bool


@dataclass(frozen=True)
class Hit:
    """A message that was found, with its conversation at hand."""

    message: Message
    snippet: Sequence[Part]


@dataclass(frozen=True)
class Found:
    """A page of hits, and the cursor of the page after it, or None."""

    items: list[Hit]
    next: str | None


def find_messages(user: User, wanted: Wanted, *, limit: int = ROWS, cursor: str | None = None) -> Found:
    """A page of this person's messages with all the words, the newest first.

    Raises BadInputError when nothing is asked for, or for a cursor that is not one of ours.
    """
    asked = read_words(wanted.text)
    ids = _find_ids(user, wanted, asked, limit + 1, cursor)
    rows = _load(user, ids[:limit])
    snippets = _snippets(asked, [row.pk for row in rows])
    hits = [Hit(row, snippets[row.pk]) for row in rows]
    return Found(hits, write_cursor(rows[-1].created_at, rows[-1].pk) if rows and len(ids) > limit else None)


def find_titles(user: User, text: str, *, limit: int) -> list[Conversation]:
    """Of the latest conversations those with all the words in the title."""
    values = {"owner": user.pk, "asked": read_words(text), "walked": TITLES_WALKED, "limit": limit}
    ids = _row(_TITLED, values)[0]
    found = Conversation.objects.visible_to(user).filter(pk__in=ids)
    return list(found.order_by("-active_at", "-pk"))


def read_words(text: str) -> str:
    """What to_tsquery understands of what somebody typed: every word, "words in a row", and none with a -minus.

    Raises BadInputError when there is no word to find.
    """
    words: list[str] = []
    others: list[str] = []
    for minus, phrase, word in _PART.findall(text.replace("\x00", "")[:LONGEST].lower()):
        is_without = bool(minus) or (word.startswith("-") and len(word) > 1)
        said = phrase or (word[1:] if is_without else word)
        if any(sign.isalnum() for sign in said):
            (others if is_without else words).append(_quoted(said, is_beginning=not phrase))
    if not words:
        raise BadInputError("Write a word to find.")
    return " & ".join([*words, *(f"!{other}" for other in others)][:MOST_WORDS])


def _quoted(said: str, *, is_beginning: bool) -> str:
    quoted = said.replace("\\", "\\\\").replace("'", "''")
    # Signs of scripts without spaces stand for whole words.
    is_long = len(said) >= SHORTEST_BEGINNING or not said.isascii()
    return f"'{quoted}':*" if is_beginning and is_long else f"'{quoted}'"


def _find_ids(user: User, wanted: Wanted, asked: str, limit: int, cursor: str | None) -> list[UUID]:
    values = {"owner": user.pk, "asked": asked, "mark": f"'of {user.pk}'", "limit": limit}
    parts = _conditions(wanted, cursor, values)
    walked, ids = _row(_AMONG_NEWEST.format(walked=WALKED, **parts), values)
    if len(ids) < limit and walked == WALKED:
        ids = _row(_AMONG_ALL.format(**parts), values)[0]
    return list(ids)


def _conditions(wanted: Wanted, cursor: str | None, values: dict[str, Any]) -> dict[str, str]:
    """The pieces of SQL for what is wanted; puts what they need into ``values``."""
    when = ""
    if wanted.since:
        when += " and created_at >= %(since)s"
    if wanted.until:
        when += " and created_at < %(until)s"
    if cursor:
        values["before"], values["before_id"] = read_cursor(cursor)
        when += " and (created_at, id) < (%(before)s, %(before_id)s)"
    among = ""
    if wanted.assistant_id:
        among += " and c.assistant_id = %(assistant)s"
    if wanted.with_sources:
        among += " and exists (select from chat_citation s where s.message_id = f.id)"
    values |= {"since": wanted.since, "until": wanted.until, "assistant": wanted.assistant_id}
    return {"when": when, "kept": _KEPT.format(among=among), "newest_first": _NEWEST_FIRST}


def _load(user: User, ids: Sequence[UUID]) -> list[Message]:
    """The rows with what a page says of them. Whether they are this person's is asked once more."""
    rows = Message.objects.visible_to(user).filter(pk__in=ids).select_related("conversation__assistant")
    return list(rows.defer("text", "held_text", "log", "evidence").order_by("-created_at", "-pk"))


def _snippets(asked: str, ids: Sequence[UUID]) -> dict[UUID, list[Part]]:
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SNIPPETS, {"asked": asked, "ids": list(ids), "how": _HOW})
        return {row_id: _parts(snippet) for row_id, snippet in cursor.fetchall()}


def _parts(snippet: str) -> list[Part]:
    """Cut at the marks, without the signs of Markdown and the numbers of citations."""
    pieces = re.split(f"([{MARK}{UNMARK}])", plain(_NUMBERS.sub("", snippet)))
    parts, is_marked = [], False
    for piece in pieces:
        if piece in (MARK, UNMARK):
            is_marked = piece == MARK
        elif piece:
            parts.append(Part(piece, is_marked))
    return parts


def _row(sql: str, values: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()
