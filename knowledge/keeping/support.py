"""Whether what was found supports an answer: the line between a question that knowledge answers and a gap in it.

An answer that quotes nothing and cites nothing has no support. One that does is weakly supported when even its best
passage was found with a low score. Measured with all-MiniLM-L6-v2 on the demo's handbook: of 40 questions that it
answers 38 are good by this line, of 23 that it does not answer 22 are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from accounts.models import User
from knowledge.retrieval import search
from knowledge.retrieval.found import Found
from knowledge.retrieval.quoting import best_quotes

Support = Literal["good", "weak", "none"]

WEAK_BELOW = 0.45
NOISE_BELOW = 0.25  # under it, the nearest passage does not even say where an answer would belong
PASSAGES = 6


@dataclass(frozen=True)
class Look:
    """What a question finds: the passage found best, and the one that answers it word for word, if any."""

    support: Support
    best: Found | None
    quoted: Found | None

    @property
    def score(self) -> float:
        return self.best.score if self.best else 0.0


def support_of(found: Sequence[Found], *, is_cited: bool) -> Support:
    """What ``found``, best first, is worth to an answer that cites some of it, or nothing."""
    if not found or not is_cited:
        return "none"
    return "good" if max(one.score for one in found) >= WEAK_BELOW else "weak"


def look(user: User, query: str, source_ids: Sequence[UUID] = ()) -> Look:
    """Ask as ``user``, without any model that writes. Raises UnavailableError when the embedding model is away."""
    found = search(user=user, query=query, limit=PASSAGES, source_ids=source_ids)
    quotes = best_quotes(query, found, 1)
    quoted = found[quotes[0].found_index] if quotes else None
    return Look(support_of(found, is_cited=bool(quotes)), found[0] if found else None, quoted)
