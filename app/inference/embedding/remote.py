"""Embedding by an OpenAI-compatible server, through OpenAI's client: it is off the token path, and its retries and
errors are well worn.
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
SHORTEST = 200  # characters; a text refused at this length was not refused for its length


class RemoteEmbedder:
    """``POST /embeddings`` of an OpenAI-compatible server. ``address`` ends in /v1. Safe to use from many threads."""

    def __init__(self, address: str, model: str, api_key: str | None, tries: int = TRIES) -> None:
        self._model = model
        self._size = 0
        self._client = openai.OpenAI(
            base_url=address.rstrip("/"),
            api_key=api_key or "none",
            max_retries=tries - 1,
            # Proxies of the environment are not meant for a server that the installation itself names.
            http_client=openai.DefaultHttpxClient(timeout=SECONDS, trust_env=False),
        )

    def dimensions(self) -> int:
        if not self._size:
            self._size = self.embed(["dimensions"]).shape[1]
        return self._size

    def count_tokens(self, _text: str) -> int | None:
        """Not known here: servers have no common way to ask."""
        return None

    def embed(self, texts: Sequence[str], seconds: float = SECONDS) -> Vectors:
        """Rows in the order of ``texts``, as long as the server made them; ``seconds`` for each try of each batch.

        Raises UnavailableError.
        """
        batches = [list(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        return np.concatenate([self._embed_batch(batch, seconds) for batch in batches])

    def _embed_batch(self, texts: list[str], seconds: float) -> Vectors:
        try:
            answer = self._client.embeddings.create(
                model=self._model, input=texts, encoding_format="float", timeout=seconds
            )
            rows = sorted(answer.data, key=lambda row: row.index)
            vectors = np.array([row.embedding for row in rows], dtype=np.float32)
        except openai.APIStatusError as error:
            if error.status_code in (400, 413, 422) and (smaller := _smaller(texts)):
                return np.concatenate([self._embed_batch(part, seconds) for part in smaller])
            raise UnavailableError(f"The embedding server answers with status {error.status_code}.") from error
        except openai.APITimeoutError as error:
            raise UnavailableError("The embedding server did not answer in time.") from error
        except openai.APIConnectionError as error:
            raise UnavailableError("The embedding server cannot be reached.") from error
        except openai.APIError as error:
            raise UnavailableError(f"The embedding server does not answer: {type(error).__name__}.") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise UnavailableError("The embedding server sent something that cannot be read.") from error
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise UnavailableError("The embedding server sent other vectors than it was asked for.")
        return vectors


def _smaller(texts: list[str]) -> list[list[str]]:
    """What to send instead of a batch that was refused: two halves of it, or the beginning of its only text.

    Servers differ in how many texts they take at once, and refuse one that is longer than their model's window.
    """
    if len(texts) > 1:
        half = len(texts) // 2
        return [texts[:half], texts[half:]]
    return [[texts[0][: len(texts[0]) // 2]]] if len(texts[0]) > SHORTEST else []
