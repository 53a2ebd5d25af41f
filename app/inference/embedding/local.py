"""Text to vectors of unit length, by whichever embedding models this installation can reach.

Its own is the embedded encoder in this process, or the server that EMBEDDING_URL names; besides, every model of the
registry with the role "embeds text", on its healthy workers. The embedded one is all-MiniLM-L6-v2 as int8 in
CTranslate2: about four times as fast on a CPU as the same model in torch or llama.cpp, 25 MB a process, and free of
the interpreter's lock while it computes. Each is loaded at first use, once a process.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
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
from app.inference.models import Model, Role
from app.inference.routing.workers import workers_of_model

Vectors = npt.NDArray[np.float32]

EMBEDDED_NAME = "all-minilm-l6-v2"
LONGEST_TOKENS = 256
BATCH = 32
PASSAGE_SECONDS, QUERY_SECONDS = 30.0, 8.0


class Encoder(Protocol):
    """What runs a model: rows of any length, in the order of the texts. Raises UnavailableError."""

    def embed(self, texts: Sequence[str], seconds: float = PASSAGE_SECONDS) -> Vectors: ...

    def dimensions(self) -> int: ...

    def count_tokens(self, text: str) -> int | None: ...


@dataclass(frozen=True)
class Embedder:
    """One embedding model as it is used. Vectors of embedders with another ``name`` must not be compared.

    Some models are trained to tell questions from passages by what stands before them: the two prefixes.
    """

    name: str
    encoder: Encoder
    query_prefix: str = ""
    passage_prefix: str = ""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """One row of unit length for each text, in order: float32 of shape (len(texts), dimensions()).

        Text beyond the model's window is not seen. Raises UnavailableError when its server does not answer.
        """
        if not texts:
            return np.zeros((0, self.dimensions()), dtype=np.float32)
        return _unit(self.encoder.embed([self.passage_prefix + text for text in texts]))

    def embed_query(self, text: str) -> Vectors:
        """One vector of unit length, shape (dimensions(),). A person waits for it: it fails within half a minute."""
        vector: Vectors = _unit(self.encoder.embed([self.query_prefix + text], QUERY_SECONDS))[0]
        return vector

    def dimensions(self) -> int:
        return self.encoder.dimensions()

    def count_tokens(self, text: str) -> int | None:
        """How many tokens the model makes of ``text``; None where only its server knows."""
        return self.encoder.count_tokens(text)


def own_embedder() -> Embedder:
    """The one that the installation is set up with. Raises UnavailableError when its weights are not there."""
    with _loading:  # the first callers of a process wait for one load, they do not each load
        encoder = (
            _load_remote(os.getpid(), settings.EMBEDDING_URL, embedding_name(), settings.EMBEDDING_API_KEY)
            if settings.EMBEDDING_URL
            else _load_embedded(os.getpid())
        )
    return Embedder(embedding_name(), encoder)


def embedder_of(model: Model) -> Embedder:
    """A model of the registry on its healthy workers. Raises UnavailableError when there are none."""
    # Imported here: OpenAI's client takes half a second to load, and most processes embed by themselves.
    from app.inference.embedding.pooled import PooledEmbedder

    if not workers_of_model(model.name):
        raise UnavailableError(
            f"No server of {model.name} takes requests. Start one, or connect one in the admin site under Workers."
        )
    return Embedder(model.name, PooledEmbedder(model.name), model.query_prefix, model.passage_prefix)


def find_embedder(name: str) -> Embedder | None:
    """Whatever here still makes vectors of this name, None when nothing does.

    The installation's own, the embedded weights where they still lie, or a model of the registry.
    """
    if name == embedding_name():
        return own_embedder()
    if name == EMBEDDED_NAME and (embedded_folder() / "model.bin").exists():
        with _loading:
            return Embedder(EMBEDDED_NAME, _load_embedded(os.getpid()))
    model = Model.objects.filter(name=name, role=Role.EMBED).first()
    return embedder_of(model) if model else None


def embed_passages(texts: Sequence[str]) -> Vectors:
    """See ``Embedder.embed_passages``; by the installation's own."""
    return own_embedder().embed_passages(texts)


def embed_query(text: str) -> Vectors:
    """See ``Embedder.embed_query``; by the installation's own."""
    return own_embedder().embed_query(text)


def embedding_name() -> str:
    """The name of the installation's own."""
    return (settings.EMBEDDING_NAME or "default") if settings.EMBEDDING_URL else EMBEDDED_NAME


def dimensions() -> int:
    return own_embedder().dimensions()


def embedded_folder() -> Path:
    return data_folder().models / EMBEDDED_NAME


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

    def count_tokens(self, text: str) -> int:
        """Of the text alone, without the marks of its beginning and end, and past the window too."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return len(encoding.ids) + sum(len(more.ids) for more in encoding.overflowing)

    def embed(self, texts: Sequence[str], _seconds: float = PASSAGE_SECONDS) -> Vectors:
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


# A forked child loads its own, because CTranslate2's threads and open connections do not survive a fork.


@lru_cache(maxsize=1)
def _load_embedded(_process: int) -> Encoder:
    threads = getattr(settings, "EMBEDDING_THREADS", 0) or min(4, os.cpu_count() or 1)
    return EmbeddedEncoder(embedded_folder(), threads)


@lru_cache(maxsize=4)
def _load_remote(_process: int, url: str, name: str, api_key: str | None) -> Encoder:
    # Imported here for the reason above.
    from app.inference.embedding.remote import RemoteEmbedder

    return RemoteEmbedder(url, name, api_key)
