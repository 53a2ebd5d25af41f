"""How well passages answer a question, as a reranking model of the registry judges, when there is one.

It speaks ``POST /v1/rerank`` as Jina, Cohere, vLLM, llama.cpp and text-embeddings-inference behind a gateway do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from app.inference.asides.asking import SECONDS, ask_role
from app.inference.models import Role


def rerank(query: str, texts: Sequence[str], seconds: float = SECONDS) -> list[float] | None:
    """A score for each of ``texts``, in order, higher for the better; their scale is the model's own.

    None when no model of that role is set up, or none answers in time: keep the order that there is.
    """
    if not texts:
        return []
    body = {"query": query, "documents": list(texts)}
    return ask_role(Role.RERANK, "/rerank", body, lambda answer: _scores(answer, len(texts)), seconds)


def _scores(answer: Any, count: int) -> list[float]:
    """Raises ValueError unless every text has exactly one score that is a number."""
    scores = {int(result["index"]): float(result["relevance_score"]) for result in answer["results"]}
    if sorted(scores) != list(range(count)) or not all(math.isfinite(score) for score in scores.values()):
        raise ValueError(f"{len(scores)} scores for {count} texts")
    return [scores[index] for index in range(count)]
