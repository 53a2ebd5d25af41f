"""The vectors of questions asked before: embedding one takes longer than looking up its passages.

A vector follows from the text and the model alone, so what is kept never grows old. It is kept apart for readers who
may read different sources: how quick a search is must not tell that others, elsewhere, asked the same.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from knowledge.index.generations import Vectors, embed_query
from knowledge.models import IndexGeneration

MOST = 2_000  # of 384 numbers: 3 MB a process

Key = tuple[int, str, str, bytes, str]


class QuestionVectors:
    """The newest ``most`` vectors, for all threads of a process."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, generation: IndexGeneration, text: str, allowed: Sequence[UUID]) -> Vectors:
        """As ``embed_query``, for a reader who may search the sources ``allowed``. Not to be written to."""
        key = _key(generation, text, allowed)
        with self._lock:
            if (known := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return known
        vector = embed_query(generation, text)
        vector.flags.writeable = False
        with self._lock:
            self._kept[key] = vector
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return vector

    def __len__(self) -> int:
        return len(self._kept)


def _key(generation: IndexGeneration, text: str, allowed: Sequence[UUID]) -> Key:
    prefix = generation.model.query_prefix if generation.model else ""
    readers = hashlib.blake2b(b"".join(sorted(one.bytes for one in allowed)), digest_size=16).digest()
    return generation.pk, generation.embedding_name, prefix, readers, text


question_vectors = QuestionVectors()
