"""Writing a version's passages and vectors, so that both appear at once.

Vectors of two embedding models cannot be compared, so all of one model's belong to one generation, and exactly
one generation serves. A version is published with vectors of the serving one; the others that are kept are completed
by their builder. Words are weighed by where they stand: title (A), headings (B), text (D).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection

from app.web.ids import new_id
from knowledge.errors import IndexChangedError
from knowledge.index.generations import serving_generation
from knowledge.models import IndexGeneration, Version
from knowledge.text.splitting import Piece
from knowledge.text.wording import plain

Vectors = npt.NDArray[np.float32]
_BETWEEN = "\x1f"
_LOCK = 7_046_001  # of the database's advisory locks: no swap of generations while a version is published

_INSERT_PASSAGES = """
INSERT INTO knowledge_passage (id, version_id, ordinal, heading_path, text, page, start, "end", words)
SELECT p.id, %(version)s, p.ordinal, string_to_array(p.path, %(between)s), p.text, p.page, p.start, p."end",
       setweight(to_tsvector('english', %(title)s), 'A')
    || setweight(to_tsvector('english', replace(p.path, %(between)s, ' ')), 'B')
    || setweight(to_tsvector('english', p.words), 'D')
FROM unnest(%(ids)s::uuid[], %(ordinals)s::int[], %(paths)s::text[], %(texts)s::text[], %(pages)s::int[],
            %(starts)s::int[], %(ends)s::int[], %(words)s::text[])
     AS p(id, ordinal, path, text, page, start, "end", words)
"""


@dataclass(frozen=True)
class Embedded:
    """The vectors of a version's passages, one row each, and the generation whose model made them."""

    generation: IndexGeneration
    vectors: Vectors


def embedding_input(title: str, heading_path: Sequence[str], text: str) -> str:
    """What is embedded for a passage: where it stands, then what it says."""
    place = [title, *(name for name in heading_path if name != title)]
    return f"{' – '.join(plain(name) for name in place if name)}\n{plain(text)}"


def write_passages(version: Version, title: str, pieces: Sequence[Piece], embedded: Embedded) -> None:
    """Insert passages and their vectors, inside the caller's transaction.

    Raises IndexChangedError when another generation serves by now: the vectors would be found by nobody.
    """
    hold_generations()
    if serving_generation().pk != embedded.generation.pk:
        raise IndexChangedError
    ids = [new_id() for _ in pieces]
    texts = [version.text[piece.start : piece.end] for piece in pieces]
    values: dict[str, Any] = {
        "version": version.pk,
        "between": _BETWEEN,
        "title": title,
        "ids": ids,
        "ordinals": list(range(len(pieces))),
        "paths": [_BETWEEN.join(piece.heading_path) for piece in pieces],
        "texts": texts,
        "pages": [piece.page for piece in pieces],
        "starts": [piece.start for piece in pieces],
        "ends": [piece.end for piece in pieces],
        "words": [plain(text) for text in texts],
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_PASSAGES, values)
    copy_vectors(embedded.generation.pk, ids, embedded.vectors)


def hold_generations(*, alone: bool = False) -> None:
    """Until this transaction ends nobody swaps generations; with ``alone`` nobody publishes either."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}(%s)", [_LOCK])


def copy_vectors(generation_id: int, passage_ids: Sequence[UUID], vectors: Vectors) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY knowledge_embedding (generation_id, passage_id, vector) FROM STDIN") as copy,
    ):
        for passage_id, vector in zip(passage_ids, vectors, strict=True):
            copy.write_row((generation_id, passage_id, as_text(vector)))


def as_text(vector: npt.NDArray[np.float32]) -> str:
    """A vector as PostgreSQL reads it."""
    return "[" + ",".join(f"{value:.5f}" for value in vector.tolist()) + "]"
