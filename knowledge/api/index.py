"""The index generations: building, swapping, giving up."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router, Status

from accounts.callers import caller
from accounts.rights import require
from knowledge.index import rebuilding
from knowledge.index.state import GenerationState, chosen_model, generation_states, get_generation, states_of
from knowledge.models import IndexGeneration
from knowledge.schemas import GenerationIn, GenerationOut, GenerationsOut

router = Router()


@router.get("/index-generations", response=GenerationsOut, summary="The indexes of all embedding models")
def list_generations(request: HttpRequest) -> GenerationsOut:
    require(caller(request), "knowledge.rebuild_index")
    return GenerationsOut(items=[_shown(state) for state in generation_states()])


@router.post("/index-generations", response={202: GenerationOut}, summary="Build another index")
def build_generation(request: HttpRequest, body: GenerationIn) -> Status[GenerationOut]:
    model = chosen_model(str(body.model_id or ""))
    return Status(202, _now(rebuilding.start_generation(actor=caller(request), model=model)))


@router.post("/index-generations/{generation_id}/serve", response=GenerationOut, summary="Let an index serve")
def serve_generation(request: HttpRequest, generation_id: str) -> GenerationOut:
    generation = get_generation(caller(request), generation_id)
    rebuilding.serve_generation(actor=caller(request), generation=generation)
    return _now(generation)


@router.post(
    "/index-generations/{generation_id}/retry",
    response={202: GenerationOut},
    summary="Go on building",
)
def retry_generation(request: HttpRequest, generation_id: str) -> Status[GenerationOut]:
    generation = get_generation(caller(request), generation_id)
    rebuilding.retry_generation(actor=caller(request), generation=generation)
    return Status(202, _now(generation))


@router.delete("/index-generations/{generation_id}", response={202: GenerationOut}, summary="Give an index up")
def remove_generation(request: HttpRequest, generation_id: str) -> Status[GenerationOut]:
    generation = get_generation(caller(request), generation_id)
    rebuilding.remove_generation(actor=caller(request), generation=generation)
    return Status(202, _now(generation))


def _now(generation: IndexGeneration) -> GenerationOut:
    generation.refresh_from_db()
    return _shown(states_of([generation])[0])


def _shown(state: GenerationState) -> GenerationOut:
    one = state.generation
    return GenerationOut(
        id=one.pk,
        model_id=one.model_id,
        embedding_name=one.embedding_name,
        dimensions=one.dimensions,
        state=one.state,
        error=one.error,
        passages_done=state.done,
        passages_total=state.total,
        size_bytes=state.size_bytes,
        seconds_left=round(state.seconds_left) if state.seconds_left is not None else None,
        created_at=one.created_at,
        ready_at=one.ready_at,
        served_at=one.served_at,
    )
