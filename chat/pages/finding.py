"""Finding a message again by its words: among one's own, the newest first, quick however many there are.

A word that somebody uses often is found among their newest messages, read in order until there are enough. A rare one
is looked up in the index, which holds the owner's mark beside the words, so that what others wrote costs nothing.
Which of the two it is shows by itself: the newest few thousand are looked through first, and for most people they are
all. Words of three letters or more also match as beginnings, since nothing here knows any grammar. The database has
words only as their person's key makes them (``accounts.sealed.blinding``), so it is asked in the same way, under each
key that they may have been made with, and in plain for what was written before there were keys. Titles are few enough
to be opened and looked at. Only the rows of a page get snippets; they cost more than all the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import User
from accounts.sealed.blinding import MOST_CHARACTERS, query_of, words_in
from accounts.sealed.fields import opened
from accounts.sealed.person_keys import DataKey, keys_of
from app.errors import BadInputError
from app.web.paging import read_cursor, write_cursor
from chat.models import Conversation, Message
from chat.models.messages import mark_of
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
    select f.id, f.created_at from walked f {kept} and f.words @@ {asked}
    {newest_first} limit %(limit)s
)
select (select count(*) from walked), array(select id from found {newest_first})
"""
_AMONG_ALL = """
with matching as materialized (
    select id, conversation_id, created_at from chat_message
    where words @@ ({asked} && %(mark)s::tsquery) and owner_id = %(owner)s {when}
), found as (
    select f.id, f.created_at from matching f {kept} {newest_first} limit %(limit)s
)
select array(select id from found {newest_first})
"""
_TITLED = """
select id, title from chat_conversation
where owner_id = %(owner)s and deleted_at is null order by active_at desc, id desc limit %(walked)s
"""
_SNIPPETS = """
select said.id, ts_headline('simple', said.text, to_tsquery('simple', %(asked)s), %(how)s)
from unnest(%(ids)s::uuid[], %(texts)s::text[]) as said (id, text)
"""
_ASKED = "(to_tsquery('simple', %(asked)s) || %(blind)s::tsquery)"
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
    ids = _find_ids(user, wanted, limit + 1, cursor)
    rows = _load(user, ids[:limit])
    snippets = _snippets(asked, [row.pk for row in rows])
    hits = [Hit(row, snippets[row.pk]) for row in rows]
    return Found(hits, write_cursor(rows[-1].created_at, rows[-1].pk) if rows and len(ids) > limit else None)


def find_titles(user: User, text: str, *, limit: int) -> list[Conversation]:
    """Of the latest conversations those with all the words in the title."""
    said = _said_in(text)
    with connection.cursor() as cursor:
        cursor.execute(_TITLED, {"owner": user.pk, "walked": TITLES_WALKED})
        titles = ((pk, opened(Conversation, "title", pk, title, when_erased="")) for pk, title in cursor.fetchall())
        ids = list(islice((pk for pk, title in titles if _has(words_in(title), said)), limit))
    found = Conversation.objects.visible_to(user).filter(pk__in=ids)
    return list(found.order_by("-active_at", "-pk"))


def read_words(text: str) -> str:
    """What to_tsquery understands of what somebody typed: every word, "words in a row", and none with a -minus.

    Raises BadInputError when there is no word to find.
    """
    return " & ".join(f"{'!' if one.is_without else ''}{_quoted(one)}" for one in _said_in(text))


@dataclass(frozen=True)
class _Said:
    """A word or "words in a row" of what somebody typed."""

    text: str
    is_without: bool
    is_beginning: bool

    @property
    def words(self) -> list[str]:
        return words_in(self.text)


def _said_in(text: str) -> list[_Said]:
    """What is to be there first, then what is not. Raises BadInputError when there is no word to find."""
    found: list[_Said] = []
    for minus, phrase, word in _PART.findall(text.replace("\x00", "")[:LONGEST].lower()):
        is_without = bool(minus) or (word.startswith("-") and len(word) > 1)
        said = phrase or (word[1:] if is_without else word)
        # Signs of scripts without spaces stand for whole words.
        is_beginning = not phrase and (len(said) >= SHORTEST_BEGINNING or not said.isascii())
        if words_in(said):
            found.append(_Said(said, is_without, is_beginning))
    if all(one.is_without for one in found):
        raise BadInputError("Write a word to find.")
    return sorted(found, key=attrgetter("is_without"))[:MOST_WORDS]


def _quoted(said: _Said) -> str:
    quoted = said.text.replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}':*" if said.is_beginning else f"'{quoted}'"


def _blinded(user: User, said: Sequence[_Said]) -> str:
    """The same as PostgreSQL reads a tsquery, under every key that this person's words may have been made with."""
    return " | ".join(f"({' & '.join(_blind(key, one) for one in said)})" for key in keys_of(user.pk))


def _blind(key: DataKey, said: _Said) -> str:
    return f"{'!' if said.is_without else ''}({query_of(key.index_secret, said.words, is_beginning=said.is_beginning)})"


def _has(words: Sequence[str], said: Sequence[_Said]) -> bool:
    """Whether a text with these words has what is asked for."""
    return all(_stands_in(words, one) != one.is_without for one in said)


def _stands_in(words: Sequence[str], said: _Said) -> bool:
    *whole, last = said.words
    return any(
        list(words[at : at + len(whole)]) == whole
        and (words[at + len(whole)].startswith(last) if said.is_beginning else words[at + len(whole)] == last)
        for at in range(len(words) - len(whole))
    )


def _find_ids(user: User, wanted: Wanted, limit: int, cursor: str | None) -> list[UUID]:
    said = _said_in(wanted.text)
    values = {"owner": user.pk, "asked": read_words(wanted.text), "mark": f"'{mark_of(user.pk)}'", "limit": limit}
    values["blind"] = _blinded(user, said)
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
    return {"when": when, "kept": _KEPT.format(among=among), "newest_first": _NEWEST_FIRST, "asked": _ASKED}


def _load(user: User, ids: Sequence[UUID]) -> list[Message]:
    """The rows with what a page says of them. Whether they are this person's is asked once more."""
    rows = Message.objects.visible_to(user).filter(pk__in=ids).select_related("conversation__assistant")
    return list(rows.defer("text", "held_text", "log", "evidence").order_by("-created_at", "-pk"))


def _snippets(asked: str, ids: Sequence[UUID]) -> dict[UUID, list[Part]]:
    if not ids:
        return {}
    texts = {pk: text[:MOST_CHARACTERS] for pk, text in Message.objects.filter(pk__in=ids).values_list("pk", "text")}
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "asked": asked,
            "ids": list(texts),
            "texts": list(texts.values()),
            "how": _HOW,
        }
        cursor.execute(_SNIPPETS, values)
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
