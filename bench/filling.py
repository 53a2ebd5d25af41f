"""100,000 passages that cost seconds instead of hours: made-up words and vectors, written by COPY.

Words follow Zipf's law, as those of a language do, over topics. Vectors lie in overlapping clusters, one a topic, and
in fewer dimensions than they have numbers, as those of an embedding model do. Five sources hold 0.1, 0.9, 9, 40 and 50
percent of it, and five people may read one, two, three, four and all of them: 0.1, 1, 10, 50 and 100 percent.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.utils import timezone

from accounts.audit import SYSTEM
from accounts.models import Role, User
from accounts.ownership import as_owner
from accounts.people.groups import create_group
from accounts.people.people import create_person
from knowledge.index.generations import serving_generation
from knowledge.index.indexing import copy_vectors
from knowledge.models import Document, Source, Version

PASSAGES = 100_000
SHARES = (0.001, 0.009, 0.09, 0.4, 0.5)
PER_DOCUMENT = 20
TOPICS = 400
VOCABULARY = 30_000
WORDS_IN_PASSAGE = 80
FIELDS = 40  # topics are near one of these
INNER_DIMENSIONS = 40

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Corpus:
    """``readers`` by the share of all passages they may read; ``vectors`` and ``words`` of every passage, in order of
    ``ids``, by which to check and ask."""

    readers: dict[float, User]
    ids: list[uuid.UUID]
    vectors: Vectors
    words: list[list[str]]


def fill(seed: int = 1) -> Corpus:
    """Write the corpus; the same for the same seed."""
    chance = np.random.default_rng(seed)
    readers, sources = _people_and_sources()
    dimensions = serving_generation().dimensions
    topic_of = np.repeat(chance.integers(0, TOPICS, PASSAGES // PER_DOCUMENT + 1), PER_DOCUMENT)[:PASSAGES]
    vectors = _vectors(chance, topic_of, dimensions)
    words = _words(chance, topic_of)
    ids = [uuid.UUID(int=int.from_bytes(chance.bytes(16), "big"), version=4) for _ in range(PASSAGES)]
    source_of = chance.permutation(np.repeat(np.arange(len(SHARES)), [_documents(share) for share in SHARES]))
    versions = _documents_of([sources[index] for index in source_of])
    _copy_passages(ids, versions, words)
    copy_vectors(serving_generation().pk, ids, vectors)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    return Corpus(readers, ids, vectors, words)


def _documents(share: float) -> int:
    return round(PASSAGES * share / PER_DOCUMENT)


def _people_and_sources() -> tuple[dict[float, User], list[Source]]:
    keeper = create_person(actor=SYSTEM, email="keeper@example.org", password=None, roles=[Role.EMPLOYEE, Role.OWNER])
    readers: dict[float, User] = {}
    groups = []
    for share in np.cumsum(SHARES):
        person = create_person(actor=SYSTEM, email=f"reads-{share:.3f}@example.org", password=None)
        groups.append(create_group(actor=SYSTEM, name=f"Reads {share:.1%}", members=[person]))
        readers[round(float(share), 3)] = person
    sources = []
    for number, share in enumerate(SHARES):
        source = Source.objects.create(owner=keeper, name=f"{share:.1%}")
        source.groups.set(groups[number:])
        sources.append(source)
    return readers, sources


def _vectors(chance: np.random.Generator, topic_of: npt.NDArray[Any], dimensions: int) -> Vectors:
    fields = chance.standard_normal((FIELDS, INNER_DIMENSIONS))
    centres = fields[chance.integers(0, FIELDS, TOPICS)] + 0.8 * chance.standard_normal((TOPICS, INNER_DIMENSIONS))
    inner = centres[topic_of] + 0.9 * chance.standard_normal((PASSAGES, INNER_DIMENSIONS))
    outwards = chance.standard_normal((INNER_DIMENSIONS, dimensions)) / INNER_DIMENSIONS**0.5
    noise = 0.25 * chance.standard_normal((PASSAGES, dimensions), dtype=np.float32)
    return _unit((inner @ outwards).astype(np.float32) + noise)


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _words(chance: np.random.Generator, topic_of: npt.NDArray[Any]) -> list[list[str]]:
    """Half of a passage's words are anybody's, half its topic's own order of the same vocabulary."""
    names = [_name(number) for number in range(VOCABULARY)]
    share = 1 / (np.arange(VOCABULARY) + 25)  # the commonest stands in a fifth of all passages
    rank = chance.choice(VOCABULARY, (PASSAGES, WORDS_IN_PASSAGE), p=share / share.sum())
    shift = (topic_of * 73)[:, None] * (np.arange(WORDS_IN_PASSAGE) % 2)
    return [[names[index] for index in row] for row in (rank + shift) % VOCABULARY]


def _name(number: int) -> str:
    """A word that no stemmer shortens and no list of stop words has."""
    letters = "bcdfghjklm"
    return "x" + "".join(letters[int(digit)] + "o" for digit in str(number)) + "k"


def _documents_of(sources: Sequence[Source]) -> list[Version]:
    documents = [
        Document(source=source, key=f"{number}.md", title=_name(number), state=Document.State.PUBLISHED)
        for number, source in enumerate(sources)
    ]
    Document.objects.bulk_create(documents, batch_size=2000)
    versions = [
        Version(
            document=document,
            number=1,
            sha256="0" * 64,
            media_type="text/plain",
            size_bytes=1,
            file="none",
            passage_count=PER_DOCUMENT,
            published_at=timezone.now(),
        )
        for document in documents
    ]
    Version.objects.bulk_create(versions, batch_size=2000)
    return versions


def _copy_passages(ids: Sequence[uuid.UUID], versions: Sequence[Version], words: Sequence[Sequence[str]]) -> None:
    columns = 'id, version_id, ordinal, heading_path, text, start, "end"'
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY knowledge_passage ({columns}) FROM STDIN") as copy:
            for row in _rows(ids, versions, words):
                copy.write_row(row)
        cursor.execute("UPDATE knowledge_passage SET words = to_tsvector('english', text) WHERE words IS NULL")


def _rows(
    ids: Sequence[uuid.UUID], versions: Sequence[Version], words: Sequence[Sequence[str]]
) -> Iterator[tuple[Any, ...]]:
    for number, (passage_id, bag) in enumerate(zip(ids, words, strict=True)):
        version, ordinal = versions[number // PER_DOCUMENT], number % PER_DOCUMENT
        text = " ".join(bag)
        yield passage_id, version.pk, ordinal, [], text, ordinal * 1000, ordinal * 1000 + len(text)
