"""Vectors of texts that were embedded in an earlier run, so that measuring retrieval again takes minutes less.

Kept in the folder that BENCH_CACHE names, ``bench/cache`` of the data folder unless told; they only save time, and may
be deleted. Never used where embedding itself is measured.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from app.inference.embedding.local import PASSAGE_SECONDS, Vectors, embedding_name, own_embedder


@contextmanager
def remembered() -> Iterator[None]:
    """Within, the installation's embedder looks into the cache before it works."""
    encoder = own_embedder().encoder
    folder = Path(os.environ["BENCH_CACHE"])
    folder.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(folder / f"vectors-{embedding_name()}.sqlite", check_same_thread=False)
    store.execute("CREATE TABLE IF NOT EXISTS vector (text BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
    lock = threading.Lock()
    work = encoder.embed

    def embed(texts: Sequence[str], seconds: float = PASSAGE_SECONDS) -> Vectors:
        names = [hashlib.sha256(text.encode()).digest() for text in texts]
        with lock:
            known = {name: row[0] for name in set(names) if (row := store.execute(_READ, [name]).fetchone())}
        new = [index for index, name in enumerate(names) if name not in known]
        if new:
            made = work([texts[index] for index in new], seconds)
            rows = {names[index]: vector.astype(np.float32).tobytes() for index, vector in zip(new, made, strict=True)}
            with lock, store:
                store.executemany("INSERT OR IGNORE INTO vector VALUES (?, ?)", rows.items())
            known |= rows
        return np.array([np.frombuffer(known[name], dtype=np.float32) for name in names])

    encoder.embed = embed  # type: ignore[method-assign]  # of this one process, which measures
    try:
        yield
    finally:
        encoder.embed = work  # type: ignore[method-assign]
        store.close()


_READ = "SELECT value FROM vector WHERE text = ?"
