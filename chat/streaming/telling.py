"""The story of an answer, retold from its row: any event with its number, long after it happened.

``retell`` needs no database: give it a message with its conversation, question and citations at hand.
"""

from __future__ import annotations

import re
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

import orjson

from app.inference.errors import NoWorkerError, PoolFullError, UpstreamError
from chat.models import Citation, Generation, Message
from chat.streaming.events import Event, LogEntry

MARKER = re.compile(r"\[(\d{1,2})\]")


def numbers_in(text: str) -> set[int]:
    """The numbers that ``text`` cites."""
    return {int(number) for number in MARKER.findall(text)}


def retell(message: Message, after: int = 0) -> list[Event]:
    """The events of ``message`` with a number above ``after``, as they were told."""
    events: list[Event] = []
    begin = 0
    for seq, kind, value in message.log:
        data: dict[str, Any] = {}
        if kind == "delta":
            data, begin = {"text": message.text[begin:value]}, value
        elif kind == "status":
            data = value
        elif value is not None:
            data = orjson.loads(value)
        if seq > after:
            events.append(Event(message.id, seq, kind, data or facts(message, kind)))
    return events


def facts(message: Message, kind: str) -> dict[str, Any]:
    """The data of an event that stands in the row itself."""
    if kind == "accepted":
        question = message.parent
        return {
            "conversation_id": str(message.conversation_id),
            "question": {"id": str(question.id), "text": question.text} if question else None,
            "client_id": question.client_id if question else None,
        }
    if kind == "evidence":
        return {"passages": message.evidence}
    if kind == "citations":
        cited = [citation_data(citation) for citation in message.citations.all()]
        return {"citations": sorted(cited + files_cited(message), key=itemgetter("number"))}
    if kind == "error":
        return error_data(message.error_code, message.error)
    if kind == "done":
        return done_data(message)
    return {}


WITHHELD = (Message.State.HELD, Message.State.REJECTED)

# Codes of ends after which the same question may well be answered.
RETRY = {"failed", "interrupted", "unavailable", NoWorkerError.code, PoolFullError.code}
_UPSTREAM: list[type[UpstreamError]] = [UpstreamError, *UpstreamError.__subclasses__()]
RETRY |= {kind.code for kind in _UPSTREAM if kind.retry}


def error_data(code: str, reason: str) -> dict[str, Any]:
    return {"code": code, "message": reason, "retry": code in RETRY}


def done_data(message: Message) -> dict[str, Any]:
    return end_data(message, max(message.generations.all(), key=attrgetter("fence"), default=None))


def as_kept(data: dict[str, Any]) -> dict[str, Any]:
    """With the keys in the order in which PostgreSQL will give them back, so that an event is retold byte for byte."""
    return {key: data[key] for key in sorted(data, key=lambda key: (len(key.encode()), key.encode()))}


def end_data(message: Message, generation: Generation | None) -> dict[str, Any]:
    """What "done" tells of an answer and its last run."""
    return {
        "state": message.state,
        "reason": message.error,
        "usage": generation.usage if generation else {},
        "timings": generation.timings if generation else {},
        **grounds_data(message),
    }


def grounds_data(message: Message) -> dict[str, Any]:
    """Which spans of the text no passage supports, of how many claims; None where that was not judged.

    Nothing is told of a text that its reader does not have.
    """
    grounds = message.grounds if message.state not in WITHHELD else None
    spans = grounds["unsupported"] if grounds else []
    unsupported = [{"start": start, "end": end} for start, end in spans]
    return {"claims": grounds["claims"] if grounds else None, "unsupported": unsupported}


def citation_data(citation: Citation) -> dict[str, Any]:
    """A citation as programs get it (see the reference of the interface)."""
    version = citation.passage.version
    return {
        "number": citation.number,
        "passage_id": str(citation.passage_id),
        "document_id": str(version.document_id),
        "document_title": version.document.title,
        "version": version.number,
        "page": citation.passage.page,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
    }


def files_cited(message: Message) -> list[dict[str, Any]]:
    """The citations of files: they have no rows of their own, since the cards and the text say it all."""
    of_files = [card for card in message.evidence if card.get("file_id")]
    return [file_citation(card) for card in of_files if card["number"] in numbers_in(message.text)]


def file_citation(card: dict[str, Any]) -> dict[str, Any]:
    """The citation of a file's card, with the fields that ``citation_data`` has."""
    told = ("number", "passage_id", "document_id", "document_title", "version", "page", "start", "end", "quote")
    return {name: card[name] for name in told} | {"file_id": card["file_id"]}


def load(message_id: UUID) -> Message:
    """A message with all that ``retell`` needs, in three statements."""
    return (
        Message.objects.select_related("parent", "conversation__assistant")
        .prefetch_related("citations__passage__version__document", "generations")
        .get(pk=message_id)
    )


def shown_evidence(log: list[LogEntry], evidence: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``evidence`` if its reader was told of it; nothing of an answer whose cards were kept back with it."""
    return evidence if any(kind == "evidence" for _, kind, _ in log) else []


def frozen(message: Message) -> list[LogEntry]:
    """The log of an answer that goes on after its end, as one who appeals makes it do: what it told from the row so
    far stands in the log itself, since the row will say something else. Needs a message as ``load`` reads it.
    """
    told = {event.seq: event.data for event in retell(message) if event.type in ("citations", "error", "done")}
    return [[seq, kind, orjson.dumps(told[seq]).decode() if seq in told else value] for seq, kind, value in message.log]


def append(log: list[LogEntry], kind: str, value: object = None) -> int:
    """Add an event to a log and return its number."""
    seq = (log[-1][0] if log else 0) + 1
    log.append([seq, kind, value])
    return seq
