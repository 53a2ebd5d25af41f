"""What of a shared conversation its reader may see, decided when they read it.

A passage is open to a reader as it is everywhere else: by their rights of this moment. Of one that is not there is no
card, no quote and no place; where an assistant quoted it, its words are left out of the text. That is not all of it: a
model, or the person who asked, may have copied a sentence, so every stretch that says ``RUN`` words in the order of
such a passage is left out too, wherever it stands. What somebody says in their own words is theirs to share.

Passages that are nobody else's, such as those of a file that was attached, are open to no reader by the same rule.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from chat.composing.snapshots import passages_in
from chat.models import AttachmentPassage, Share
from knowledge.models import Passage

RUN = 8
LEAST_RUN = 3  # of a passage that has fewer words than RUN
NEIGHBOURS = 4  # a stretch that a model was shown may be several passages

# Scripts without blanks between words count by the letter. The number of a citation is no word.
_LETTERS = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
_WORD = re.compile(rf"\[\d{{1,2}}\]|{_LETTERS}|[^\W_]+")
Runs = dict[int, set[tuple[str, ...]]]


@dataclass(frozen=True)
class SeenTurn:
    """A question or an answer as one reader sees it. ``cited`` are the citations that are open to them, ``closed`` the
    numbers of the others."""

    role: str
    text: str
    at: str
    state: str
    mode: str
    model: str
    cited: list[dict[str, Any]]
    closed: list[int]


@dataclass(frozen=True)
class Seen:
    """A snapshot as one reader sees it; ``is_whole``: nothing in it is closed to them."""

    title: str
    note: str
    assistant: str
    taken_at: str
    turns: list[SeenTurn]
    is_whole: bool


def as_seen_by(reader: User, snapshot: Mapping[str, Any], note: str = "") -> Seen:
    """A snapshot, and what its owner wrote above it. Four statements at most."""
    turns = snapshot["turns"]
    said = [snapshot["title"], note, *(turn["text"] for turn in turns)]
    closed, runs = _closed_to(reader, turns, said)
    return Seen(
        title=without(snapshot["title"], runs),
        note=without(note, runs),
        assistant=snapshot["assistant"],
        taken_at=snapshot["taken_at"],
        turns=[_seen(turn, closed, runs) for turn in turns],
        is_whole=not closed,
    )


def heads_seen_by(reader: User, shares: Sequence[Share]) -> list[tuple[str, str]]:
    """Title and note of each of these. Four statements at most, however many they are."""
    said = [text for share in shares for text in (share.title, share.note)]
    _, runs = _closed_to(reader, [turn for share in shares for turn in share.snapshot["turns"]], said)
    return [(without(share.title, runs), without(share.note, runs)) for share in shares]


def _closed_to(reader: User, turns: Collection[Mapping[str, Any]], said: Iterable[str]) -> tuple[set[str], Runs]:
    """The ids of the passages in these that the reader may not read, and the runs of words that are left out of what
    is ``said`` for it.
    """
    named = passages_in(turns)
    visible = Passage.objects.visible_to(reader).filter(pk__in=named).values_list("pk", flat=True)
    closed = named - {str(pk) for pk in visible}
    return closed, _runs_of(_closed_words(turns, closed), said) if closed else {}


def _seen(turn: Mapping[str, Any], closed: Collection[str], runs: Runs) -> SeenTurn:
    cited = turn.get("cited", [])
    return SeenTurn(
        role=turn["role"],
        text=without(_without_quotes(turn, closed), runs),
        at=turn["at"],
        state=turn.get("state", "done"),
        mode=turn.get("mode", ""),
        model=turn.get("model", ""),
        cited=[one for one in cited if one["passage_id"] not in closed],
        closed=[one["number"] for one in cited if one["passage_id"] in closed],
    )


def _without_quotes(turn: Mapping[str, Any], closed: Collection[str]) -> str:
    """The text, with words in the place of the quotes of closed passages."""
    text: str = turn["text"]
    pieces, at = [], 0
    for begin, end, number, passages in turn.get("quoted", []):
        pieces.append(text[at:begin])
        is_closed = any(one in closed for one in passages)
        pieces.append(_in_place_of(number) if is_closed else text[begin:end])
        at = end
    return "".join([*pieces, text[at:]])


def _in_place_of(number: int) -> str:
    said = _("(A passage is quoted here from a source that you do not have access to.)")
    return f"\n\n{said} [{number}]" if number else said


def _closed_words(turns: Iterable[Mapping[str, Any]], closed: Collection[str]) -> Iterator[str]:
    """All that is known of what closed passages say: what was quoted of them, they and their neighbours, and the whole
    of a file that was attached.
    """
    for turn in turns:
        yield from (words for passage_id, words in turn.get("words", []) if passage_id in closed)
    around: dict[UUID, set[int]] = defaultdict(set)
    places = Passage.objects.filter(pk__in=closed).values_list("version_id", "ordinal")
    for version_id, ordinal in places:
        around[version_id].update(range(max(0, ordinal - NEIGHBOURS), ordinal + NEIGHBOURS + 1))
    if around:
        near = Q()
        for version_id, ordinals in around.items():
            near |= Q(version_id=version_id, ordinal__in=ordinals)
        yield from Passage.objects.filter(near).values_list("text", flat=True)
    of_files = AttachmentPassage.objects.filter(file__in=[UUID(one) for one in closed])
    yield from of_files.values_list("text", flat=True)


def _runs_of(texts: Iterable[str], said: Iterable[str]) -> Runs:
    """Every run of RUN words that is in ``texts`` and in what is ``said``, by its length; a shorter text is one run as
    a whole. Others are not kept: a file may have a million characters.
    """
    known = {run for one in said for run in _runs_in(_plain_words(one), RUN)}
    runs: Runs = defaultdict(set)
    for text in texts:
        words = _plain_words(text)
        if len(words) >= RUN:
            runs[RUN].update(run for run in _runs_in(words, RUN) if run in known)
        elif len(words) >= LEAST_RUN:
            runs[len(words)].add(tuple(words))
    return runs


def _runs_in(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[at : at + length]) for at in range(len(words) - length + 1))


def _plain_words(text: str) -> list[str]:
    return [match[0].casefold() for match in _words_of(text)]


def _words_of(text: str) -> list[re.Match[str]]:
    return [match for match in _WORD.finditer(text) if not match[0].startswith("[")]


def without(text: str, runs: Runs) -> str:
    """``text`` with words in the place of every stretch that is one of ``runs``."""
    found = _words_of(text)
    words = [match[0].casefold() for match in found]
    hit = [False] * len(words)
    for length, known in runs.items():
        for at in range(len(words) - length + 1):
            if tuple(words[at : at + length]) in known:
                hit[at : at + length] = [True] * length
    if not any(hit):
        return text
    pieces, at = [], 0
    for index, is_hit in enumerate(hit):
        if is_hit and not (index and hit[index - 1]):
            pieces += [text[at : found[index].start()], _("(words of a source that you do not have access to)")]
        if is_hit:
            at = found[index].end()
    return "".join([*pieces, text[at:]])
