"""What the index page and the REST interface show of the generations: how complete, how large, how long it still
takes; and a question asked in two of them side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from pgvector.django import CosineDistance

from accounts.models import User
from accounts.rights import can
from app.errors import BadInputError, NotFoundError
from app.inference.embedding.local import embedding_name
from app.inference.models import Model, Role, WorkerState
from knowledge.index.building import rate
from knowledge.index.generations import embed_query
from knowledge.models import Embedding, IndexGeneration, Passage, Source, Version

State = IndexGeneration.State
_ORDER = [State.SERVING, State.BUILDING, State.FAILED, State.READY, State.REMOVING]
_BESIDE_THE_NUMBERS = 64  # bytes of a vector's row and its place in the tables' indexes


@dataclass(frozen=True)
class GenerationState:
    """One generation with ``done`` of ``total`` passages; ``size_bytes`` is its share of the table of vectors."""

    generation: IndexGeneration
    done: int
    total: int
    size_bytes: int
    seconds_left: float | None

    @property
    def missing(self) -> int:
        return max(self.total - self.done, 0)

    @property
    def percent(self) -> int:
        """Rounded down, so that a hundred means all."""
        return 100 if not self.missing else min(99, math.floor(100 * self.done / self.total))

    @property
    def time_left(self) -> str:
        """In words; "" when nobody can know."""
        if self.seconds_left is None:
            return ""
        if self.seconds_left < 60:
            return _("less than a minute left")
        minutes = round(self.seconds_left / 60)
        if minutes < 90:
            return _("about %(minutes)s min left") % {"minutes": minutes}
        return _("about %(hours)s h left") % {"hours": round(minutes / 60)}


@dataclass(frozen=True)
class Choice:
    """A model that an index can be built with; ``value`` is "" for the installation's own, else the model's id."""

    value: str
    name: str
    servers: int | None


@dataclass(frozen=True)
class Near:
    """A passage that is near a question, with its cosine."""

    passage_id: UUID
    title: str
    heading: str
    text: str
    cosine: float


def get_generation(user: User, generation_id: str) -> IndexGeneration:
    """Raises NotFoundError, for whoever may not change the index too."""
    is_number = generation_id.isascii() and generation_id.isdigit() and len(generation_id) < 10
    if not (is_number and can(user, "knowledge.rebuild_index")):
        raise NotFoundError
    found = IndexGeneration.objects.select_related("model").filter(pk=int(generation_id)).first()
    if found is None:
        raise NotFoundError
    return found


def generation_states() -> list[GenerationState]:
    """All generations: the serving one, what is being built, what could serve, what goes. Four statements."""
    return states_of(list(IndexGeneration.objects.select_related("model").order_by("-created_at")))


def states_of(generations: Sequence[IndexGeneration]) -> list[GenerationState]:
    total = Passage.objects.count()
    counts: dict[int, int] = dict(
        Embedding.objects.order_by().values("generation_id").annotate(n=Count("id")).values_list("generation_id", "n")
    )
    dimensions = dict(IndexGeneration.objects.filter(pk__in=counts).values_list("pk", "dimensions"))
    weights = {pk: n * (2 * dimensions.get(pk, 0) + _BESIDE_THE_NUMBERS) for pk, n in counts.items()}
    stored = _stored_bytes() / (sum(weights.values()) or 1)
    return sorted(
        (
            GenerationState(
                one,
                done := counts.get(one.pk, 0),
                total,
                round(weights.get(one.pk, 0) * stored),
                _seconds_left(one, total - done),
            )
            for one in generations
        ),
        key=lambda state: _ORDER.index(State(state.generation.state)),
    )


def choices() -> list[Choice]:
    """The models an index can be built with: the installation's own first."""
    healthy = Count("workers", filter=Q(workers__state=WorkerState.HEALTHY))
    models = Model.objects.filter(role=Role.EMBED).annotate(servers=healthy).order_by("name")
    return [
        Choice("", embedding_name(), None),
        *(Choice(str(model.pk), model.name, model.servers) for model in models),
    ]


def chosen_model(value: str) -> Model | None:
    """The model of a choice's value. Raises BadInputError when there is none of that id any more."""
    if not value:
        return None
    try:
        return Model.objects.get(pk=UUID(value), role=Role.EMBED)
    except (ValueError, Model.DoesNotExist) as error:
        raise BadInputError("There is no such embedding model. Choose one of the list.") from error


def nearest(user: User, generation: IndexGeneration, query: str, limit: int = 5) -> list[Near]:
    """The passages whose vectors are nearest to the question, among those ``user`` may read. Raises as
    ``generations.embed_query``.
    """
    distance = CosineDistance("vector", embed_query(generation, query).tolist())
    readable = Version.objects.in_force().filter(document__source__in=Source.objects.visible_to(user))
    found = (
        Embedding.objects.filter(generation=generation, passage__version__in=readable, passage__disabled_at=None)
        .annotate(distance=distance)
        .select_related("passage__version")
        .defer("vector", "passage__version__text")
        .order_by("distance")[:limit]
    )
    return [
        Near(
            passage_id=one.passage_id,
            title=one.passage.version.title,
            heading=" › ".join(one.passage.heading_path),
            text=one.passage.text,
            cosine=round(1 - one.distance, 3),
        )
        for one in found
    ]


def _seconds_left(generation: IndexGeneration, missing: int) -> float | None:
    if generation.state != State.BUILDING or missing <= 0:
        return None
    speed = rate(generation)
    return missing / speed if speed else None


def _stored_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('knowledge_embedding')")
        return int(cursor.fetchone()[0])
