"""What a keeper wants to know of one passage: how it was cut, what the embedding model sees of it, what is like it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from django.db.models import Case, Value, When
from pgvector.django import CosineDistance

from accounts.models import User
from app.inference.embedding.local import EMBEDDED_NAME, LONGEST_TOKENS, find_embedder
from knowledge.index.indexing import embedding_input
from knowledge.models import Embedding, IndexGeneration, Passage

NEIGHBOURS = 2
ALIKE = 0.95
MOST_ALIKE = 8
_CHARACTERS_A_TOKEN = 4.0


@dataclass(frozen=True)
class Cut:
    """A passage beside its neighbours; ``between`` is what stands before it and belongs to no passage."""

    passage: Passage
    between: str
    is_here: bool


@dataclass(frozen=True)
class Tokens:
    """How many tokens are embedded for a passage, its title and headings included.

    ``window`` is the most that the model sees, None where only its server knows; ``unseen`` is the end it does not see.
    """

    count: int
    is_estimate: bool
    model: str
    window: int | None
    unseen: str


@dataclass(frozen=True)
class Like:
    """Another passage whose vector is nearly the same."""

    passage: Passage
    cosine: float


def cuts_around(passage: Passage) -> list[Cut]:
    """The passage with two neighbours before and after it, in order."""
    first, last = passage.ordinal - NEIGHBOURS - 1, passage.ordinal + NEIGHBOURS
    rows = list(passage.version.passages.filter(ordinal__range=(first, last)).order_by("ordinal"))
    cuts: list[Cut] = []
    at = 0
    for row in rows:
        if row.ordinal > first or row.ordinal == 0:
            cuts.append(Cut(row, passage.version.text[at : row.start].strip(), row.pk == passage.pk))
        at = row.end
    return cuts


def tokens_of(passage: Passage) -> Tokens:
    """Counted by the embedding model whose vectors serve; estimated where only a server could count."""
    generation = IndexGeneration.objects.filter(is_serving=True).first()
    name = generation.embedding_name if generation else EMBEDDED_NAME
    text = embedding_input(passage.version.title, passage.heading_path, passage.text)
    embedder = find_embedder(name)
    count = embedder.count_tokens(text) if embedder else None
    if embedder is None or count is None:
        return Tokens(round(len(text) / _CHARACTERS_A_TOKEN), True, name, None, "")
    window = LONGEST_TOKENS - 2 if name == EMBEDDED_NAME else None  # two mark the beginning and the end
    if window is None or count <= window:
        return Tokens(count, False, name, window, "")
    words = text.split(" ")
    kept = bisect_right(range(len(words)), window, key=lambda n: embedder.count_tokens(" ".join(words[: n + 1])) or 0)
    return Tokens(count, False, name, window, " ".join(words[kept:]))


def passages_like(passage: Passage, user: User) -> list[Like]:
    """Passages that say nearly the same, nearest first, among those that are found now and ``user`` may read."""
    own = Embedding.objects.filter(passage=passage, generation__is_serving=True).first()
    if own is None:
        return []
    found = Passage.objects.visible_to(user).filter(version__withdrawn_at=None, disabled_at=None)
    near = (
        Embedding.objects.filter(generation_id=own.generation_id, passage__in=found.order_by())
        .exclude(passage=passage)
        .annotate(distance=CosineDistance("vector", own.vector))
        .filter(distance__lt=1 - ALIKE)
        .select_related("passage__version__document__source")
        .defer("passage__version__text", "vector")
        .order_by("distance", "passage_id")
    )
    return [Like(one.passage, 1 - one.distance) for one in near[:MOST_ALIKE]]


def find_newer(passage: Passage) -> Passage | None:
    """Where the version that replaced the passage's says the same: under the same headings, else at its beginning."""
    version = passage.version
    if version.withdrawn_at is None:
        return None
    same_place = Case(When(heading_path=passage.heading_path, then=Value(0)), default=Value(1))
    newer = Passage.objects.filter(
        version__document_id=version.document_id, version__published_at__isnull=False, version__withdrawn_at=None
    )
    return newer.select_related("version").defer("version__text").order_by(same_place, "ordinal").first()
