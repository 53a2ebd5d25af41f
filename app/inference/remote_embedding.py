"""Embedding by the server that EMBEDDING_URL names, through OpenAI's client: it is off the token path, and its retries
and errors are well worn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import openai

from app.errors import UnavailableError

Vectors = npt.NDArray[np.float32]

BATCH = 64
SECONDS = 30.0
TRIES = 3


class RemoteEmbedder:
    """``POST /embeddings`` of an OpenAI-compatible server. ``address`` ends in /v1. Safe to use from many threads."""

    def __init__(self, address: str, model: str, api_key: str | None) -> None:
        self._model = model
        self._size = 0
        self._client = openai.OpenAI(
            base_url=address.rstrip("/"),
            api_key=api_key or "none",
            max_retries=TRIES - 1,
            # Proxies of the environment are not meant for a server that the installation itself names.
            http_client=openai.DefaultHttpxClient(timeout=SECONDS, trust_env=False),
        )

    def dimensions(self) -> int:
        if not self._size:
            self._size = self.embed(["dimensions"]).shape[1]
        return self._size

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Rows in the order of ``texts``, as long as the server made them. Raises UnavailableError."""
        batches = [list(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        return np.concatenate([self._embed_batch(batch) for batch in batches])

    def _embed_batch(self, texts: list[str]) -> Vectors:
        try:
            answer = self._client.embeddings.create(model=self._model, input=texts, encoding_format="float")
            rows = sorted(answer.data, key=lambda row: row.index)
            vectors = np.array([row.embedding for row in rows], dtype=np.float32)
        except openai.APIError as error:
            raise UnavailableError(f"The embedding server does not answer: {type(error).__name__}.") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise UnavailableError("The embedding server sent something that cannot be read.") from error
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise UnavailableError("The embedding server sent other vectors than it was asked for.")
        return vectors
