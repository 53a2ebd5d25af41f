"""What a server says it has, under ``/models``, in the words of vLLM, llama.cpp and others."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.inference.watching.probing import Answer

MOST = 1000


@dataclass(frozen=True)
class Offered:
    """A model that a server has. ``parent`` is the base of an adapter; ``owner`` betrays the kind of server."""

    name: str
    owner: str = ""
    parent: str = ""
    context_tokens: int | None = None


def read_offered(answer: Answer) -> list[Offered] | None:
    """The models in an answer of ``GET /models``; None when it is no such list."""
    if answer.status != 200:
        return None
    try:
        said = answer.json()
    except ValueError:
        return None
    items = said.get("data") if isinstance(said, dict) else None
    if not isinstance(items, list):
        return None
    return [_read(item) for item in items[:MOST] if isinstance(item, dict) and isinstance(item.get("id"), str)]


def _read(item: dict[str, Any]) -> Offered:
    meta = item.get("meta")
    lengths = (
        item.get("max_model_len"),
        meta.get("n_ctx") if isinstance(meta, dict) else None,
        item.get("context_length"),
        item.get("context_window"),
    )
    context = next((length for length in lengths if isinstance(length, int) and length > 0), None)
    parent = item.get("parent")
    return Offered(
        name=item["id"][:300],
        owner=str(item.get("owned_by") or "")[:40],
        parent=parent[:300] if isinstance(parent, str) else "",
        context_tokens=context,
    )


def closest(name: str, offered: Sequence[Offered]) -> str:
    """The name in the list that looks most like ``name``, or ""."""
    names = {one.name.lower(): one.name for one in offered}
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return names[found[0]] if found else ""
