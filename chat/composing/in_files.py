"""What the files of a conversation say to a question: passages for the prompt, and pictures for models that see.

Little text goes into the prompt whole, in the order in which it stands; of more the best passages, brought up by
meaning and words and scored as those of documents are. Every statement here names one conversation, so nothing of a
file is ever found from another one, not even by the same person.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.sealed.blinding import query_of
from accounts.sealed.fields import opened
from accounts.sealed.files import opened_pieces
from accounts.sealed.person_keys import keys_of
from app.errors import NotFoundError
from chat.models import Attachment, AttachmentPassage, Conversation
from knowledge.files import path_of
from knowledge.index.generations import Vectors, embed_query, serving_generation
from knowledge.index.indexing import as_text
from knowledge.models import IndexGeneration
from knowledge.retrieval.candidates import Candidate
from knowledge.retrieval.choosing import LONGEST_JOINED, Ranked, choose
from knowledge.retrieval.found import Found, Part
from knowledge.retrieval.quoting import Place, quote_spans, stems
from knowledge.text.wording import plain

STRETCHES = 4
WHOLE_CHARACTERS = STRETCHES * LONGEST_JOINED
PICTURES = 4
NEAR = 24
SOURCE = "Your file"

_READY = """
from chat_attachmentpassage p join chat_attachment f on f.id = p.file_id
where f.conversation_id = %(conversation)s and f.asked_at is not null and f.state = 'ready'
"""
_SIZE = f'select coalesce(sum(p."end" - p.start), 0) {_READY}'
_COLUMNS = """
p.id, f.id, f.name, p.ordinal, p.heading_path, p.text, p.page, p.start, p."end",
case when f.generation_id = %(generation)s then coalesce(1 - (p.vector <=> %(vector)s::halfvec), 0) else 0 end
"""
_ALL = f"select {_COLUMNS} {_READY} order by f.created_at, f.id, p.ordinal"
_BEST = f"""
with near as (
    select p.id {_READY} and f.generation_id = %(generation)s
    order by p.vector <=> %(vector)s::halfvec limit {NEAR}
),
worded as (
    select p.id {_READY} and p.words @@ %(query)s::tsquery
    order by ts_rank(p.words, %(query)s::tsquery) desc limit {NEAR}
)
select {_COLUMNS} {_READY} and p.id in (select id from near union select id from worded)
"""  # noqa: S608 - of constants alone


@dataclass(frozen=True)
class FoundInFile(Found):
    """A stretch of a file; ``document_id`` is the file's id, and so is ``version_id``."""


@dataclass(frozen=True)
class Seen:
    """A picture as a model gets it: a data URL. ``has_text``: its words were read, for models that do not see."""

    id: UUID
    name: str
    url: str
    has_text: bool


def search_files(conversation_id: UUID, query: str) -> list[FoundInFile]:
    """What the files of this conversation say to ``query``: all of it where that is little, else the best of it.

    Three statements and those of the embedding. Raises UnavailableError when the embedding model does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SIZE, {"conversation": conversation_id})
        size = int(cursor.fetchone()[0])
    if not size:
        return []
    generation = serving_generation()
    vector = embed_query(generation, query)
    values: dict[str, Any] = {
        "conversation": conversation_id,
        "generation": generation.pk,
        "vector": as_text(vector),
        "query": _asked(conversation_id, query),
    }
    is_whole = size <= WHOLE_CHARACTERS
    with connection.cursor() as cursor:
        cursor.execute(_ALL if is_whole else _BEST, values)
        ranked = _ranked(query, [_opened(row) for row in cursor.fetchall()])
    if is_whole:
        runs = _packed(ranked)
    else:
        best = sorted(ranked, key=lambda one: -one.score)
        runs = [_Run(result.passages, result.best.score) for result in choose(best, STRETCHES).results]
    return _found(runs, query, generation, vector)


def pictures_of(conversation_id: UUID) -> list[Seen]:
    """The last pictures that were asked with, the earliest of them first."""
    rows = Attachment.objects.filter(conversation=conversation_id, asked_at__isnull=False, state="ready")
    last = rows.exclude(picture="").order_by("-asked_at", "-created_at").values_list("id", "name", "picture", "text")
    pictures = [_seen(*row) for row in reversed(last[:PICTURES])]
    return [one for one in pictures if one is not None]


def bytes_name(file_id: UUID) -> str:
    """What the bytes of a file are sealed for."""
    return f"{Attachment._meta.db_table}.bytes:{file_id}"


def recall_in_files(conversation_id: UUID, spans: Sequence[tuple[UUID, int]]) -> list[FoundInFile | None]:
    """For each file and place in its text the passage that it stands in; None where the file is gone. One statement."""
    files = {file_id for file_id, _ in spans}
    rows = AttachmentPassage.objects.filter(file__in=files, file__conversation=conversation_id).defer("words", "vector")
    passages = list(rows.select_related("file").defer("file__text", "file__pages", "words", "vector")) if files else []
    return [
        next((_recalled(one) for one in passages if one.file_id == file_id and one.start <= at < one.end), None)
        for file_id, at in spans
    ]


def _asked(conversation_id: UUID, query: str) -> str:
    """Any of the words of a question, as PostgreSQL reads a tsquery, under every key that files may be sealed with."""
    owner_id = Conversation.objects.values_list("owner_id", flat=True).get(pk=conversation_id)
    words = sorted(stems(query))
    return " | ".join(query_of(key.index_secret, [word]) for key in keys_of(owner_id) for word in words)


def _opened(row: Sequence[Any]) -> list[Any]:
    passage_id, file_id, name, ordinal, path, text, *others = row
    return [
        passage_id,
        file_id,
        opened(Attachment, "name", file_id, name),
        ordinal,
        opened(AttachmentPassage, "heading_path", passage_id, path),
        opened(AttachmentPassage, "text", passage_id, text),
        *others,
    ]


def _recalled(passage: AttachmentPassage) -> FoundInFile:
    row = (passage.pk, passage.file_id, passage.file.name, passage.ordinal, passage.heading_path, passage.text)
    candidate = _candidate((*row, passage.page, passage.start, passage.end, 0.0), 0.0, 0.0)
    return _result(_Run([candidate], 0.0), passage.text, (passage.start, passage.end))


def _seen(picture_id: UUID, name: str, place: str, text: str) -> Seen | None:
    """None for one whose bytes are gone."""
    try:
        picture = b"".join(opened_pieces(path_of(place), bytes_name(picture_id)))
    except NotFoundError:
        return None
    encoded = base64.b64encode(picture).decode()
    return Seen(picture_id, name, f"data:image/jpeg;base64,{encoded}", bool(text.strip()))


@dataclass(frozen=True)
class _Run:
    """Passages that follow each other in one file, and how well the best of them fits."""

    passages: Sequence[Candidate]
    score: float

    @property
    def start(self) -> int:
        return self.passages[0].start

    @property
    def end(self) -> int:
        return self.passages[-1].end


def _ranked(query: str, rows: Sequence[Sequence[Any]]) -> list[Ranked]:
    """The passages with their scores, as they come. Rarity is counted among them, and a word counts once."""
    asked = stems(query)
    bags = [asked & stems(plain(row[5])) for row in rows]
    holders = Counter(word for bag in bags for word in bag)
    count = len(rows)
    weights = {word: math.log(1 + (count - holders[word] + 0.5) / (holders[word] + 0.5)) for word in asked}
    whole = sum(weights.values()) or 1.0
    sums = [sum(weights[word] for word in bag) for bag in bags]
    found = [_candidate(row, one, one / whole) for row, one in zip(rows, sums, strict=True)]
    return [Ranked(one, one.score, place) for place, one in enumerate(found, 1)]


def _candidate(row: Sequence[Any], weight: float, held: float) -> Candidate:
    """A row as the candidate that choosing knows. A word that is there once has about half of its weight in BM25."""
    passage_id, file_id, name, ordinal, path, text, page, start, end, cosine = row
    return Candidate(
        passage_id=passage_id,
        document_id=file_id,
        document_title=name,
        source=SOURCE,
        source_id=file_id,
        version_id=file_id,
        version_number=1,
        ordinal=ordinal,
        heading_path=path,
        text=text,
        page=page,
        start=start,
        end=end,
        cosine=float(cosine),
        words=weight / 2,
        held=held,
    )


def _packed(ranked: Sequence[Ranked]) -> list[_Run]:
    """All passages in order, joined as far as a stretch goes."""
    runs: list[list[Ranked]] = []
    for one in ranked:
        last = runs[-1] if runs else []
        first = last[0].candidate if last else None
        if (
            first
            and first.document_id == one.candidate.document_id
            and one.candidate.end - first.start <= LONGEST_JOINED
        ):
            last.append(one)
        else:
            runs.append([one])
    return [_Run([one.candidate for one in run], max(one.score for one in run)) for run in runs]


def _found(runs: Sequence[_Run], query: str, generation: IndexGeneration, vector: Vectors) -> list[FoundInFile]:
    texts = _texts(runs)
    places = [
        Place(number, one.passage_id, one.text, (), one.start)
        for number, run in enumerate(runs)
        for one in run.passages
    ]
    spans = quote_spans(query, places, generation, vector)
    return [
        _result(run, text, spans.get(number, (run.start, run.passages[0].end)))
        for number, (run, text) in enumerate(zip(runs, texts, strict=True))
    ]


def _texts(runs: Sequence[_Run]) -> list[str]:
    """The text of each run, with what stands between its passages."""
    files = Attachment.objects.filter(pk__in={run.passages[0].document_id for run in runs})
    texts = dict(files.values_list("pk", "text"))
    return [texts[run.passages[0].document_id][run.start : run.end] for run in runs]


def _result(run: _Run, text: str, quote: tuple[int, int]) -> FoundInFile:
    first = run.passages[0]
    return FoundInFile(
        passage_id=first.passage_id,
        document_id=first.document_id,
        document_title=first.document_title,
        source=SOURCE,
        version_id=first.document_id,
        version_number=1,
        heading_path=tuple(first.heading_path),
        text=text,
        page=first.page,
        start=run.start,
        end=run.end,
        score=round(run.score, 4),
        quote_start=quote[0],
        quote_end=quote[1],
        parts=tuple(
            Part(one.passage_id, tuple(one.heading_path), one.page, one.start, one.end) for one in run.passages
        ),
    )
