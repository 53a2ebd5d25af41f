"""What the scripted server makes of texts: vectors and ranks that follow from their words alone, the same each time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

Ranker = Callable[[dict[str, Any]], list[dict[str, Any]]]


def embed_words(body: dict[str, Any], dimensions: int) -> dict[str, Any]:
    """Vectors that follow from the texts' words alone, in the wrong order, as servers may send them."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    rows = [
        {"object": "embedding", "index": index, "embedding": _vector(text, dimensions)}
        for index, text in enumerate(texts)
    ]
    return {"object": "list", "data": rows[::-1], "model": body.get("model"), "usage": {}}


def _vector(text: str, dimensions: int) -> list[float]:
    """Texts that share words are near each other: every word adds a direction of its own."""
    vector = [0.0] * dimensions
    for word in _words(text) or {text}:
        bits = hashlib.shake_256(word.encode()).digest(dimensions)
        for index, byte in enumerate(bits):
            vector[index] += math.sin(byte)
    return vector


def rank_by_words(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Best first, as Jina, Cohere and vLLM answer; the score is the part of the query's words in the document."""
    asked = _words(body["query"])
    scores = [len(asked & _words(document)) / max(len(asked), 1) for document in body["documents"]]
    results = [{"index": index, "relevance_score": score} for index, score in enumerate(scores)]
    return sorted(results, key=lambda result: -result["relevance_score"])


def _words(text: str) -> set[str]:
    return {word.strip(".,;:?!()") for word in text.lower().split()}
