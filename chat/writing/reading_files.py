"""Reading a file that somebody put into a conversation: the same confined process as for documents, and then text,
passages and vectors in one transaction.

A worker holds a lease on the row, and ``attempts`` is its fence: when it dies another takes the file up, and a file
that ends its reader twice is refused. Where the embedding model is away the file is ready all the same, found by its
words; its vectors are made later.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import audit
from app.errors import NotFoundError, ParleyError
from chat.models import Attachment, AttachmentPassage
from chat.writing import file_bytes
from knowledge.extraction.running import extract, shrink_picture
from knowledge.extraction.types import Extracted, ExtractionError, Limits, Picture
from knowledge.files import Draft
from knowledge.index.generations import embed_passages, serving_generation
from knowledge.index.indexing import as_text, embedding_input
from knowledge.quality import exposure, reading
from knowledge.quality.findings import NOTABLE, Subject
from knowledge.text.splitting import Piece, split

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=75)
TRIES = 2
LOST_AFTER = timedelta(seconds=15)
SWEPT = 100
BATCH = 64
LIMITS = Limits(ocr_seconds=120.0, text_characters=1_500_000, pages=1000)
PICTURE_SIDE, THUMBNAIL_SIDE = 1568, 320  # what vision models look at, at most; and what a page shows
ACTOR = "system:reading"
# Of the checks of documents those that its person should know of; their own secrets are nobody else's business.
_CHECKS = (reading.hidden_text, reading.unread_pages, reading.unsure_recognition, exposure.instructions)

_INSERT_PASSAGES = """
insert into chat_attachmentpassage (id, file_id, ordinal, heading_path, text, page, start, "end", words, vector)
select p.id, %(file)s, p.ordinal, array_remove(array[p.path], ''), p.text, p.page, p.start, p."end",
       p.words::tsvector, p.vector::halfvec
from unnest(%(ids)s::uuid[], %(ordinals)s::int[], %(paths)s::text[], %(texts)s::text[], %(pages)s::int[],
            %(starts)s::int[], %(ends)s::int[], %(words)s::text[], %(vectors)s::text[])
     as p(id, ordinal, path, text, page, start, "end", words, vector)
"""


@dataclass(frozen=True)
class Made:
    """What was made of a file. A picture has no text where nothing could be read in it."""

    extracted: Extracted
    pieces: Sequence[Piece]
    note: str = ""
    pictures: Sequence[Picture] = ()
    generation_id: int | None = None
    vectors: Sequence[str | None] = field(default_factory=list)


def read(file_id: UUID) -> bool:
    """Read a file that waits; whether it has to be tried again. Safe to call at any time, any number of times."""
    file = _claim(file_id)
    if file is None:
        return False
    if file.attempts > TRIES:
        _refuse(file, "Reading it failed twice without a result.")
        return False
    try:
        made = _make(file)
    except ExtractionError as error:
        if error.may_pass and file.attempts < TRIES:
            return _give_back(file)
        _refuse(file, error.reason)
        return False
    _finish(file, made)
    return False


def find_lost() -> list[UUID]:
    """Files that wait although nobody reads them: their task was lost, or their reader died."""
    now = timezone.now()
    lost = Attachment.objects.under_way().filter(
        Q(lease_until=None) | Q(lease_until__lt=now), queued_at__lt=now - LOST_AFTER
    )
    return list(lost.order_by("queued_at").values_list("pk", flat=True)[:SWEPT])


def find_outdated() -> list[UUID]:
    """Files whose vectors are of a model that does not serve any more, or were never made."""
    serving = serving_generation()
    ready = Attachment.objects.filter(state=Attachment.State.READY, passages__isnull=False)
    old = ready.filter(Q(generation_id=None) | ~Q(generation_id=serving.pk))
    return list(old.distinct().values_list("pk", flat=True)[:SWEPT])


def embed_anew(file_id: UUID) -> None:
    """Make the vectors of a file that was read before. Raises UnavailableError where the embedding model is away."""
    file = Attachment.objects.without_text().filter(pk=file_id, state=Attachment.State.READY).first()
    if file is None:
        return
    passages = list(file.passages.order_by("ordinal").defer("words", "vector"))
    inputs = [embedding_input(file.name, one.heading_path, one.text) for one in passages]
    generation = serving_generation()
    vectors = embed_passages(generation, inputs)
    with transaction.atomic():
        for passage, vector in zip(passages, vectors, strict=True):
            AttachmentPassage.objects.filter(pk=passage.pk).update(vector=vector)
        Attachment.objects.filter(pk=file.pk).update(generation_id=generation.pk)


def _claim(file_id: UUID) -> Attachment | None:
    now = timezone.now()
    free = Attachment.objects.under_way().filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=file_id)
    reading_now = {"state": Attachment.State.READING, "lease_until": now + LEASE, "attempts": F("attempts") + 1}
    return Attachment.objects.get(pk=file_id) if free.update(**reading_now) else None


def _own(file: Attachment) -> Any:
    """The row, if it is still this reader's."""
    return Attachment.objects.filter(pk=file.pk, attempts=file.attempts, state=Attachment.State.READING)


def _renew(file: Attachment) -> None:
    _own(file).update(lease_until=timezone.now() + LEASE)


def _give_back(file: Attachment) -> bool:
    _own(file).update(state=Attachment.State.QUEUED, lease_until=None, queued_at=timezone.now())
    return True


def _make(file: Attachment) -> Made:
    """Raises ExtractionError for a file that is no use."""
    try:
        with file_bytes.plain(file) as path:
            pictures, extracted = _extract(file, path)
    except NotFoundError as error:
        raise ExtractionError("Its bytes are gone. Bring it in once more.") from error
    _renew(file)
    pieces = split(extracted.text, extracted.pages)
    if not pieces and not file.is_picture:
        raise ExtractionError("There is no text in it that can be read. Is it a scan, or only pictures?")
    generation_id, vectors = _embed(file, extracted, pieces)
    return Made(extracted, pieces, _note(file, extracted, pieces), pictures, generation_id, vectors)


def _extract(file: Attachment, path: Path) -> tuple[list[Picture], Extracted]:
    if file.is_picture:
        return list(shrink_picture(path, (PICTURE_SIDE, THUMBNAIL_SIDE))), _text_in_picture(file, path)
    return [], extract(path, file.name, LIMITS, while_waiting=partial(_renew, file))


def _text_in_picture(file: Attachment, path: Path) -> Extracted:
    """What can be read in it; nothing where that is not possible, since it can still be looked at."""
    try:
        return extract(path, file.name, LIMITS, while_waiting=partial(_renew, file))
    except ExtractionError:
        return Extracted("", "", file.media_type)


def _note(file: Attachment, extracted: Extracted, pieces: Sequence[Piece]) -> str:
    subject = Subject(extracted, pieces, file.size_bytes)
    findings = [one for check in _CHECKS for one in check(subject) if one.severity >= NOTABLE]
    return " ".join(one.message for one in findings)[:500]


def _embed(file: Attachment, extracted: Extracted, pieces: Sequence[Piece]) -> tuple[int | None, list[str | None]]:
    """The vectors as PostgreSQL reads them, and of which generation's model they are."""
    text = extracted.text
    inputs = [embedding_input(file.name, one.heading_path, text[one.start : one.end]) for one in pieces]
    try:
        generation = serving_generation()
        vectors: list[npt.NDArray[np.float32]] = []
        for start in range(0, len(inputs), BATCH):
            vectors += list(embed_passages(generation, inputs[start : start + BATCH]))
            _renew(file)
    except ParleyError as error:
        log.warning("file %s has no vectors yet: %s", file.pk, error)
        return None, [None] * len(pieces)
    return generation.pk, [as_text(vector) for vector in vectors]


def _finish(file: Attachment, made: Made) -> None:
    """The file is ready, in one transaction, unless somebody else reads it by now or it was deleted."""
    columns: dict[str, Any] = {
        "state": Attachment.State.READY,
        "reason": "",
        "note": made.note,
        "text": made.extracted.text,
        "pages": [list(page) for page in made.extracted.pages],
        "generation_id": made.generation_id,
        "lease_until": None,
    }
    with transaction.atomic():
        if not _own(file).select_for_update().exists():
            return
        if made.pictures:
            columns |= _keep_pictures(file, made.pictures) | {"file": ""}
        _own(file).update(**columns)
        _insert_passages(file, made)
        payload = {"characters": len(made.extracted.text), "passages": len(made.pieces)}
        audit.record(actor=ACTOR, action="file.read", obj=file, payload=payload)
        if made.pictures:
            transaction.on_commit(partial(file_bytes.drop, [file.file]))


def _keep_pictures(file: Attachment, pictures: Sequence[Picture]) -> dict[str, Any]:
    """The columns of a picture and its thumbnail."""
    places = []
    for picture in pictures:
        with Draft([picture.jpeg]) as draft:
            places.append(file_bytes.keep(draft, file))
    first = pictures[0]
    return {"picture": places[0], "thumbnail": places[1], "width": first.width, "height": first.height}


def _insert_passages(file: Attachment, made: Made) -> None:
    pieces, text = made.pieces, made.extracted.text
    passages = [
        AttachmentPassage(file=file, text=text[piece.start : piece.end], heading_path=list(piece.heading_path))
        for piece in pieces
    ]
    sealed = [passage.sealing(text=passage.text, heading_path=passage.heading_path) for passage in passages]
    values: dict[str, Any] = {
        "file": file.pk,
        "ids": [passage.pk for passage in passages],
        "ordinals": list(range(len(pieces))),
        "paths": ["".join(one["heading_path"]) for one in sealed],
        "texts": [one["text"] for one in sealed],
        "pages": [piece.page for piece in pieces],
        "starts": [piece.start for piece in pieces],
        "ends": [piece.end for piece in pieces],
        "words": [passage.found_words() for passage in passages],
        "vectors": list(made.vectors),
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_PASSAGES, values)


def _refuse(file: Attachment, reason: str) -> None:
    """It stays as a name with the reason; its bytes go."""
    with transaction.atomic():
        refused = {"state": Attachment.State.REFUSED, "reason": reason[:500], "lease_until": None, "file": ""}
        if _own(file).update(**refused):
            audit.record(actor=ACTOR, action="file.refuse", obj=file)
            transaction.on_commit(partial(file_bytes.drop, [file.file]))
