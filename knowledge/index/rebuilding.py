"""The deeds of people who change the embedding model: build an index beside the one that serves, swap, swap back, give
one up.

Nobody who searches notices any of it: a swap is one row's word against another's, it happens only when every passage
has its vector in the new generation and its model answers, and what is given up is deleted only after whoever still
searched in it has ended.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from celery import Task
from django.db import transaction
from django.utils import timezone

from accounts.audit import record
from accounts.models import User
from accounts.rights import require
from app.errors import BadInputError, ConflictError
from app.inference.embedding.local import embedder_of, own_embedder
from app.inference.models import Model, Role
from knowledge.errors import NotReadyError
from knowledge.index.building import Again, State, build, lacks_vectors
from knowledge.index.generations import embed_query
from knowledge.index.indexing import hold_generations
from knowledge.models import IndexGeneration
from knowledge.tasks import build_generation, clear_generation

MOST_DIMENSIONS = 4000  # what pgvector's index over half-precision vectors takes
LAST_SEARCHES = timedelta(seconds=60)
FILL_SECONDS = 5.0


def start_generation(*, actor: User, model: Model | None) -> IndexGeneration:
    """A new generation of ``model``'s vectors, None for the installation's own model; a task builds it.

    Raises UnavailableError when the model does not answer, BadInputError when it cannot be used for this,
    ConflictError while another one is being built, or when this one is ready already.
    """
    require(actor, "knowledge.rebuild_index")
    if model is not None and model.role != Role.EMBED:
        raise BadInputError(f"{model} does not embed text. Choose a model whose role is “embeds text”.")
    embedder = embedder_of(model) if model else own_embedder()
    made = embedder.embed_query("dimensions").shape[0]
    if made > MOST_DIMENSIONS:
        raise BadInputError(f"{embedder.name} makes vectors of {made} numbers; at most {MOST_DIMENSIONS} can be kept.")
    with transaction.atomic():
        hold_generations(alone=True)
        _check_nothing_is_built()
        if IndexGeneration.objects.filter(state=State.READY, embedding_name=embedder.name, dimensions=made).exists():
            raise ConflictError(f"The index of {embedder.name} is there already. Let it serve, or remove it first.")
        generation = IndexGeneration.objects.create(
            model=model, state=State.BUILDING, embedding_name=embedder.name, dimensions=made
        )
        _queue(build_generation, generation)
        payload = {"model": embedder.name, "dimensions": made}
        record(actor=actor, action="index.build", obj=generation, payload=payload)
    return generation


def serve_generation(*, actor: User, generation: IndexGeneration) -> None:
    """Let searches use this generation from now on; the one before stays, completed, to swap back to.

    Raises UnavailableError when its model does not answer, ConflictError while it is not ready, NotReadyError when
    there is too much to complete in it at once. Nothing changes when it serves already.
    """
    require(actor, "knowledge.rebuild_index")
    embed_query(generation, "Does it answer?")
    again: Again | None = None
    for _ in range(3):
        if _swap(actor, generation):
            return
        again = build(generation.pk, again.fence if again else None, seconds=FILL_SECONDS)
    if again:
        build_generation.delay(generation.pk, again.fence)
    raise NotReadyError("Some documents are not in this index yet. They are being taken in; swap again in a moment.")


def retry_generation(*, actor: User, generation: IndexGeneration) -> None:
    """Go on building where it failed. Raises ConflictError unless it has failed."""
    require(actor, "knowledge.rebuild_index")
    with transaction.atomic():
        hold_generations(alone=True)
        current = _locked(generation)
        if current.state != State.FAILED:
            raise ConflictError(current={"state": current.state})
        _check_nothing_is_built()
        current.state, current.failures, current.error, current.lease_until = State.BUILDING, 0, "", None
        current.save()
        _queue(build_generation, current)
        record(actor=actor, action="index.retry", obj=current, payload={"model": current.embedding_name})


def remove_generation(*, actor: User, generation: IndexGeneration) -> None:
    """Give a generation up, whether it is being built, failed or waits; its vectors are deleted in batches.

    Raises ConflictError when it serves. Nothing changes when it is being removed already.
    """
    require(actor, "knowledge.rebuild_index")
    with transaction.atomic():
        current = _locked(generation)
        if current.state == State.SERVING:
            raise ConflictError("Searches use this index. Let another one serve first.")
        if current.state == State.REMOVING:
            return
        payload = {"model": current.embedding_name, "state": current.state}
        current.state = State.REMOVING
        current.lease_until = timezone.now() + LAST_SEARCHES if current.served_at else None
        current.save()
        _queue(clear_generation, current)
        record(actor=actor, action="index.remove", obj=current, payload=payload)


def _swap(actor: User, generation: IndexGeneration) -> bool:
    """False when passages lack a vector in it. Nobody can publish one between this look and the swap."""
    with transaction.atomic():
        hold_generations(alone=True)
        current = _locked(generation)
        if current.state == State.SERVING:
            return True
        if current.state != State.READY:
            raise ConflictError("Only an index that is ready can serve.", current={"state": current.state})
        if lacks_vectors(current):
            return False
        former = IndexGeneration.objects.select_for_update().filter(is_serving=True).first()
        if former is not None:
            former.is_serving, former.state = False, State.READY
            former.ready_at, former.served_at = former.ready_at or former.created_at, timezone.now()
            former.save()
        current.is_serving, current.state, current.served_at = True, State.SERVING, timezone.now()
        current.save()
        payload = {"model": current.embedding_name, "before": former.embedding_name if former else ""}
        record(actor=actor, action="index.serve", obj=current, payload=payload)
    return True


def _check_nothing_is_built() -> None:
    if IndexGeneration.objects.filter(state=State.BUILDING).exists():
        raise ConflictError("Another index is being built. Let it finish, or cancel it first.")


def _locked(generation: IndexGeneration) -> IndexGeneration:
    current = IndexGeneration.objects.select_for_update().filter(pk=generation.pk).first()
    if current is None:
        raise ConflictError("This index is gone.")
    return current


def _queue(task: Task[[int], None], generation: IndexGeneration) -> None:
    transaction.on_commit(partial(task.delay, generation.pk))
