"""Text to vectors of unit length: by the embedded encoder in this process, or by the server that
EMBEDDING_URL names.

The embedded one is all-MiniLM-L6-v2 as int8 in CTranslate2: about four times as fast on a CPU as the same
model in torch or llama.cpp, 25 MB a process, and free of the interpreter's lock while it computes. Loaded at
first use, once a process.
"""

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import ctranslate2
import numpy as np
import numpy.typing as npt
from django.conf import settings
from tokenizers import Tokenizer

from app.embedded.paths import data_folder
from app.errors import UnavailableError

Vectors = npt.NDArray[np.float32]

EMBEDDED_NAME = "all-minilm-l6-v2"
LONGEST_TOKENS = 256
BATCH = 32


def embed_passages(texts: Sequence[str]) -> Vectors:
    """One row of unit length for each text, in order: float32 of shape (len(texts), dimensions()).

    Text beyond the model's window is not seen. Raises UnavailableError when the embedding server does not
    answer.
    """
    if not texts:
        return np.zeros((0, dimensions()), dtype=np.float32)
    return _unit(_embedder().embed(texts))


def embed_query(text: str) -> Vectors:
    """One vector of unit length, shape (dimensions(),)."""
    vector: Vectors = embed_passages([text])[0]
    return vector


def embedding_name() -> str:
    """The name under which vectors are comparable: those of another name must not be compared with these."""
    return (settings.EMBEDDING_NAME or "default") if settings.EMBEDDING_URL else EMBEDDED_NAME


def dimensions() -> int:
    return _embedder().dimensions()


class Embedder(Protocol):
    def embed(self, texts: Sequence[str]) -> Vectors: ...

    def dimensions(self) -> int: ...


class EmbeddedEncoder:
    """A BERT encoder as CTranslate2 keeps it, with mean pooling over the tokens. Safe to use from many
    threads.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        if not (folder / "model.bin").exists():
            raise UnavailableError(
                f"The embedding model is not in {folder}. Fetch it with: python manage.py models pull {folder.name}"
            )
        self._encoder = ctranslate2.Encoder(
            str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=threads
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(LONGEST_TOKENS)
        self._tokenizer.no_padding()
        self._dimensions = int(self._encode([[0]]).shape[1])

    def dimensions(self) -> int:
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(tokens), self._dimensions), dtype=np.float32)
        by_length = sorted(range(len(tokens)), key=lambda index: len(tokens[index]), reverse=True)
        for start in range(0, len(by_length), BATCH):  # neighbours in length, so that little is padding
            batch = by_length[start : start + BATCH]
            vectors[batch] = self._encode([tokens[index] for index in batch])
        return vectors

    def _encode(self, tokens: list[list[int]]) -> Vectors:
        """The mean of each text's token vectors, padding left out."""
        hidden = np.asarray(self._encoder.forward_batch(tokens).last_hidden_state, dtype=np.float32)
        lengths = np.array([len(ids) for ids in tokens])
        mask = (np.arange(hidden.shape[1]) < lengths[:, None]).astype(np.float32)
        means: Vectors = np.einsum("btd,bt->bd", hidden, mask) / lengths[:, None].astype(np.float32)
        return means


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


_loading = threading.Lock()


def _embedder() -> Embedder:
    with _loading:  # the first callers of a process wait for one load, they do not each load
        return _load(os.getpid(), settings.EMBEDDING_URL)


@lru_cache(maxsize=1)
def _load(_process: int, url: str | None) -> Embedder:
    """A forked child loads its own, because CTranslate2's threads do not survive a fork."""
    if url:
        # Imported here: OpenAI's client takes half a second to load, and most processes embed by themselves.
        from app.inference.remote_embedding import RemoteEmbedder

        return RemoteEmbedder(url, embedding_name(), settings.EMBEDDING_API_KEY)
    threads = getattr(settings, "EMBEDDING_THREADS", 0) or min(4, os.cpu_count() or 1)
    return EmbeddedEncoder(data_folder().models / EMBEDDED_NAME, threads)
