"""A branch as it stands at one moment: what is exported as it is, and what is kept of it to be shared.

A transcript has only what its reader has been shown: of an answer that is held, rejected or blocked neither the text
that was kept back nor its cards. A snapshot is the transcript as JSON, with the places where a quoting assistant's text
is a passage's own words, so that they can be left out for readers who may not read the passage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from chat.composing.branches import steps_of
from chat.models import Assistant, Citation, Conversation, Feedback, Generation, Message
from chat.streaming import telling

SHOWN = 100_000  # messages of a branch; nobody has as many


@dataclass(frozen=True)
class Cited:
    """A citation with the place it leads to; ``start`` and ``end`` count in the version's text. One of a file that the
    person brought in has its ``file_id`` and no passage.
    """

    number: int
    passage_id: str
    document_title: str
    version: int | None
    source: str
    heading_path: list[str]
    page: int | None
    start: int
    end: int
    quote: str
    file_id: str = ""

    @property
    def key(self) -> str:
        return self.passage_id or self.file_id


@dataclass(frozen=True)
class Entry:
    """A question or an answer. ``evidence`` are the cards that were shown with it."""

    id: UUID
    parent_id: UUID | None
    role: str
    state: str
    text: str
    reason: str
    at: datetime
    mode: str
    model: str
    cited: list[Cited]
    evidence: list[dict[str, Any]]
    rating: dict[str, Any] | None

    @property
    def is_answer(self) -> bool:
        return self.role == Message.Role.ASSISTANT


@dataclass(frozen=True)
class Transcript:
    """A conversation's messages, the earliest first; ``shown`` are the ids of the branch that is chosen, in order."""

    conversation: Conversation
    entries: list[Entry]
    shown: list[UUID]

    @property
    def branch(self) -> list[Entry]:
        by_id = {entry.id: entry for entry in self.entries}
        return [by_id[one] for one in self.shown if one in by_id]


def transcript_of(conversation: Conversation, *, whole_tree: bool = False) -> Transcript:
    """The branch that is shown; all versions of everything besides if it is to be the whole tree. A constant number of
    statements. ``conversation`` comes with its assistant and that one's model, or each costs one more.
    """
    shown = [step.id for step in reversed(steps_of(conversation.id, most=SHOWN))]
    messages = conversation.messages.order_by("created_at", "id")
    rows = _with_all(messages if whole_tree else messages.filter(pk__in=shown))
    return Transcript(conversation, [_entry(row, conversation.assistant) for row in rows], shown)


def _with_all(messages: QuerySet[Message]) -> Iterable[Message]:
    """With citations, runs and ratings, but without the texts of whole documents."""
    citations = Citation.objects.select_related("passage__version__document__source").defer(
        "passage__text",
        "passage__words",
        "passage__version__text",
        "passage__version__pages",
        "passage__version__report",
        "passage__version__signature",
    )
    return messages.prefetch_related(Prefetch("citations", citations), "generations", "feedback")


def _entry(message: Message, assistant: Assistant) -> Entry:
    run = max(message.generations.all(), key=attrgetter("fence"), default=None)
    is_answer = message.role == Message.Role.ASSISTANT
    is_held = message.state == Message.State.HELD
    return Entry(
        id=message.id,
        parent_id=message.parent_id,
        role=message.role,
        state=message.state,
        text=message.text,
        reason=message.error,
        at=message.created_at,
        mode=(run.mode if run else "") or (assistant.mode if is_answer else ""),
        model=_model_of(run, assistant) if is_answer else "",
        cited=[] if is_held else _all_cited(message),
        evidence=telling.shown_evidence(message.log, message.evidence),
        rating=next(map(_rating, message.feedback.all()), None),  # only its reader can rate an answer
    )


def _rating(feedback: Feedback) -> dict[str, Any]:
    return {"value": feedback.value, "reason": feedback.reason, "text": feedback.text}


def _model_of(run: Generation | None, assistant: Assistant) -> str:
    """The model that wrote it; nothing of an answer that quotes."""
    if run:
        return str(run.usage.get("model") or run.model_name)
    return assistant.model.name if assistant.model and assistant.mode == Assistant.Mode.GENERATE else ""


def _all_cited(message: Message) -> list[Cited]:
    of_files = {card["number"]: card for card in message.evidence if card.get("file_id")}
    cited = [_cited(one) for one in message.citations.all()]
    cited += [_cited_file(of_files[one["number"]]) for one in telling.files_cited(message)]
    return sorted(cited, key=attrgetter("number"))


def _cited_file(card: dict[str, Any]) -> Cited:
    return Cited(
        number=card["number"],
        passage_id="",
        document_title=card["document_title"],
        version=card["version"],
        source=card["source"],
        heading_path=list(card["heading_path"]),
        page=card["page"],
        start=card["start"],
        end=card["end"],
        quote=card["quote"],
        file_id=card["file_id"],
    )


def _cited(citation: Citation) -> Cited:
    passage = citation.passage
    document = passage.version.document
    return Cited(
        number=citation.number,
        passage_id=str(passage.pk),
        document_title=document.title,
        version=passage.version.number,
        source=document.source.name,
        heading_path=list(passage.heading_path),
        page=passage.page,
        start=citation.start,
        end=citation.end,
        quote=citation.quote,
    )


def snapshot_of(transcript: Transcript) -> dict[str, Any]:
    """The branch as JSON, to be kept in a share."""
    conversation = transcript.conversation
    return {
        "title": str(conversation),
        "assistant": conversation.assistant.name,
        "taken_at": timezone.now().isoformat(timespec="seconds"),
        "turns": [_turn(entry) for entry in transcript.branch],
    }


def _turn(entry: Entry) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": entry.role, "text": entry.text, "at": entry.at.isoformat(timespec="seconds")}
    if not entry.is_answer:
        return turn
    known = {one.key: one.quote for one in entry.cited} | {_key(card): str(card["quote"]) for card in entry.evidence}
    words = [[one.key, one.quote] for one in entry.cited] + [[key, quote] for key, quote in known.items()]
    return turn | {
        "state": entry.state,
        "mode": entry.mode,
        "model": entry.model,
        "cited": [asdict(one) | {"passage_id": one.key} for one in entry.cited],
        "words": words,
        "quoted": quoted_spans(entry) if entry.mode == Assistant.Mode.QUOTE else [],
    }


def quoted_spans(entry: Entry) -> list[list[Any]]:
    """Which stretches of a quoting answer are whose words: ``[start, end, number, passage ids]``, without gaps.

    The text is its quotes in their order, each with its number behind it (see ``quotation.say``). Where it is not, as
    after a moderator has edited it, all of it counts as the words of every passage that was shown; its number is 0. So
    does what was shown of one that is held: it may be an edited text that was appealed against.
    """
    if entry.state in (Message.State.EDITED, Message.State.HELD):
        return _as_one(entry)
    if not entry.cited:
        return []  # that nothing was found, in Parley's words
    spans: list[list[Any]] = []
    at = 0
    for one in sorted(entry.cited, key=attrgetter("number")):
        end = _end_of(entry.text, one, at)
        if end is None:
            return _as_one(entry)
        spans.append([at, end, one.number, [one.key]])
        at = end
    if entry.text[at:].strip():
        return _as_one(entry)
    return spans


def _end_of(text: str, cited: Cited, at: int) -> int | None:
    """Where the quote that should begin at ``at`` ends with its number; None when it is not there."""
    quote = cited.quote.rstrip()
    for said in (f"{quote} [{cited.number}]", f"{quote.removesuffix('|').rstrip()} [{cited.number}] |"):
        begin = text.find(said, at)
        # Before it may stand the head of the table that it is from, nothing else.
        if begin >= 0 and _is_table_head(text[at:begin]):
            return begin + len(said)
    return None


def _is_table_head(text: str) -> bool:
    return all(line.lstrip().startswith("|") for line in text.split("\n") if line.strip())


def _as_one(entry: Entry) -> list[list[Any]]:
    passages = _unique([_key(card) for card in entry.evidence], [one.key for one in entry.cited])
    return [[0, len(entry.text), 0, passages]] if entry.text and passages else []


def _key(card: dict[str, Any]) -> str:
    """What decides who may read a card: its passage; its file, which nobody else may, where it is of one."""
    return str(card["passage_id"] or card["file_id"])


def _unique(*lists: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(one for some in lists for one in some))


def passages_in(turns: Collection[Mapping[str, Any]]) -> set[str]:
    """Ids of all passages that a snapshot's answers rest on or were shown with."""
    return {passage_id for turn in turns for passage_id, _ in turn.get("words", [])}
