"""How long finding a message takes among a million: for who owns nearly all of them, some, and few.

Through the function that the page and the suggestions call, snippets with it. The texts are made of invented words,
from one that is in nearly every message to one that is in a single one, as in any language; one word is common among
everybody else's messages, and the person with some never wrote it. Texts are sealed and words blinded, as in Parley.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import numpy
from django.db import connection

from accounts.audit import SYSTEM
from accounts.models import User
from accounts.ownership import as_owner
from accounts.people.people import create_person
from accounts.sealed.blinding import blind, words_in
from accounts.sealed.fields import sealed_fields
from accounts.sealed.person_keys import DataKey, key_of
from bench.harness import Goal, Row, quantile, repeats
from bench.house import House
from chat.models import Assistant, Message
from chat.pages.finding import Wanted, find_messages

ALL, SOME, FEW = 1_000_000, 20_000, 500
TURNS = 10  # messages of a conversation
WORDS = 40  # of a message
CALLS = 10
OTHERS_WORD, OTHERS_SHARE = "kubernetes", 0.3
GOAL_MS = 300

_CONVERSATIONS = """
insert into chat_conversation (id, owner_id, assistant_id, title, origin, created_at, active_at)
select gen_random_uuid(), %(owner)s, %(assistant)s, 'Conversation ' || number, 'browser', at, at
from (select number, now() - number * interval '1 minute' as at from generate_series(1, %(count)s) number) made
"""
_MESSAGES = """
copy chat_message (id, conversation_id, role, state, text, words, held_text, error_code, error, evidence, seq, log,
    lease_owner, fence, stop_requested, created_at, finished_at) from stdin
"""


def run(house: House) -> list[Row]:
    words = _vocabulary()
    people = {name: create_person(actor=SYSTEM, email=f"{name}@example.org", password=None) for name in ("all", "some")}
    people["few"] = create_person(actor=SYSTEM, email="few@example.org", password=None)
    _fill(people, words)
    rows = []
    for name, count in (("all", ALL), ("some", SOME), ("few", FEW)):
        times = {what: _times(people[name], text) for what, text in _asked(words).items()}
        slowest = max(times, key=lambda what: quantile(times[what], 0.95))
        every = [quantile([one for each in times.values() for one in each], 0.95)]
        rows.append(Row(f"who owns {count:,}: p95", every, "ms", goal=Goal("value", GOAL_MS)))
        rows.append(Row(f"who owns {count:,}: {slowest}, p95", [quantile(times[slowest], 0.95)], "ms"))
    return rows


def _asked(words: list[str]) -> dict[str, str]:
    return {
        "a word in nearly all": words[0],
        "a word in 3 %": words[100],
        "a rare word": words[-1],
        "the word of others": OTHERS_WORD,
        "the beginning of many words": words[-1][:3],
        "two words": f"{words[3]} {words[-5]}",
        "two common words, one not": f"{words[0]} {words[5]} -{words[1]}",
        "words in a row": f'"{words[0]} {words[2]}"',
        "one case": f"case{ALL // 2}",
        "what nobody wrote": "xylophonically",
    }


def _times(user: User, text: str) -> list[float]:
    """Milliseconds of each call."""
    times = []
    for _ in range(CALLS * repeats()):
        begun = time.perf_counter()
        find_messages(user, Wanted(text))
        times.append((time.perf_counter() - begun) * 1e3)
    return times


def _vocabulary() -> list[str]:
    """Words one can say, in an order that has nothing to do with their letters."""
    syllables = ["".join(pair) for pair in product("bdfgklmnprstvz", "aeiou")]
    words = ["".join(three) for three in product(syllables, repeat=3)]
    return [words[number * 7919 % len(words)] for number in range(20_000)]


def _fill(people: dict[str, User], words: list[str]) -> None:
    assistant = Assistant.objects.create(slug="bench", name="Bench", is_for_everyone=True)
    with as_owner():
        _without_word_index(partial(_insert, people, words, assistant.pk))
        with connection.cursor() as cursor:
            cursor.execute("vacuum analyze chat_conversation, chat_message")


def _insert(people: dict[str, User], words: list[str], assistant: UUID) -> None:
    for name, count in (("all", ALL), ("some", SOME), ("few", FEW)):
        whose: dict[str, Any] = {"owner": people[name].pk, "assistant": assistant, "count": count // TURNS}
        with connection.cursor() as cursor:
            cursor.execute(_CONVERSATIONS, whose)
            cursor.execute("select id, active_at from chat_conversation where owner_id = %s", [people[name].pk])
            conversations = cursor.fetchall()
            key = key_of(people[name].pk)
            others_word = OTHERS_WORD if name == "all" else ""
            with cursor.cursor.copy(_MESSAGES) as copy:  # nothing else can be asked of the connection meanwhile
                for row in _messages(key, conversations, words, others_word):
                    copy.write_row(row)


def _messages(
    key: DataKey, conversations: Sequence[tuple[UUID, datetime]], words: list[str], others_word: str
) -> Iterator[tuple[object, ...]]:
    """A word's rank is the fourth power of a random number: few are everywhere, most are rare."""
    chance = numpy.random.default_rng(1)
    blinded = cache(partial(blind, key.index_secret))
    mark = f"'of {key.user_id}'"
    case = 0
    for conversation_id, at in conversations:
        ranks = (chance.random((TURNS, WORDS)) ** 4 * len(words)).astype(int)
        says_theirs = chance.random(TURNS) < OTHERS_SHARE
        for turn in range(TURNS):
            case += 1
            text = f"Case{case} " + " ".join(words[rank] for rank in ranks[turn])
            text += f" {others_word}" if says_theirs[turn] else ""
            when = at + timedelta(seconds=2 * turn)
            role = "assistant" if turn % 2 else "user"
            empty = ("", "", "", "[]", 0, "[]", "", 0, False)
            row_id = uuid4()
            sealed = sealed_fields(Message)["text"].seal_value(key, row_id, text)
            found_by = [f"'{blinded(word)}':{place}" for place, word in enumerate(words_in(text), 1)]
            yield (row_id, conversation_id, role, "done", sealed, " ".join([mark, *found_by]), *empty, when, when)


def _without_word_index(fill: Callable[[], None]) -> None:
    """Building it once is quicker than a million insertions."""
    with connection.cursor() as cursor:
        cursor.execute("select indexdef from pg_indexes where indexname = 'messages_by_words'")
        (definition,) = cursor.fetchone()
        cursor.execute("drop index messages_by_words")
        fill()
        cursor.execute(definition)
