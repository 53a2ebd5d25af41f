"""The pool for programs: its state, its servers, its models, and who writes with which."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from accounts.callers import caller
from accounts.rights import require
from app.errors import BadInputError
from app.inference.models import Model
from app.inference.watching.checking import Report
from app.operations.pool import setting_models, steering
from app.operations.pool.schemas import (
    AssistantModelsIn,
    AssistantModelsOut,
    FiguresOut,
    GroupOut,
    ModelChangeIn,
    ModelOffered,
    ModelOut,
    ModelsOut,
    NewServerIn,
    PoolOut,
    ReportOut,
    ServerChangeIn,
    ServerIn,
    StepOut,
    WorkerOut,
)
from app.operations.pool.state import Server, get_assistant, get_model, get_worker, pool_state, server_state
from chat.models import Assistant

router = Router(tags=["model pool"])


@router.get("/pool", response=PoolOut, summary="How the model servers stand")
def show_pool(request: HttpRequest) -> PoolOut:
    state = pool_state(caller(request))
    groups = [
        GroupOut(
            model=group.model.name,
            role=group.model.role,
            waiting=group.waiting,
            assistants=group.writes_for,
            workers=[_worker(server) for server in group.servers],
        )
        for group in state.groups
    ]
    return PoolOut(models=groups, are_figures_known=state.are_figures_known)


@router.post("/workers", response={201: WorkerOut}, summary="Connect a model server")
def add_worker(request: HttpRequest, body: NewServerIn) -> Status[WorkerOut]:
    added = steering.add_worker(caller(request), server=_server(body), despite=body.despite_failure)
    return Status(201, _worker(server_state(added.worker)))


@router.post("/workers/test", response=ReportOut, summary="Try a model server out")
def test_worker(request: HttpRequest, body: ServerIn) -> ReportOut:
    return _report(steering.try_server(caller(request), server=_server(body)))


@router.patch("/workers/{worker_id}", response=WorkerOut, summary="Change a model server's entry")
def change_worker(request: HttpRequest, worker_id: UUID, body: ServerChangeIn) -> WorkerOut:
    worker = get_worker(caller(request), worker_id)
    change = steering.Change(body.address, body.api_key, body.kind, body.capacity)
    changed = steering.change_worker(caller(request), worker=worker, change=change, despite=body.despite_failure)
    return _worker(server_state(changed))


@router.post("/workers/{worker_id}/drain", response=WorkerOut, summary="Give a server nothing new")
def drain_worker(request: HttpRequest, worker_id: UUID) -> WorkerOut:
    worker = get_worker(caller(request), worker_id)
    steering.drain_worker(caller(request), worker=worker)
    return _worker(server_state(worker))


@router.post("/workers/{worker_id}/resume", response=WorkerOut, summary="Give a server requests again")
def resume_worker(request: HttpRequest, worker_id: UUID) -> WorkerOut:
    worker = get_worker(caller(request), worker_id)
    steering.resume_worker(caller(request), worker=worker)
    return _worker(server_state(worker))


@router.post("/workers/{worker_id}/off", response=WorkerOut, summary="Take a server out of use")
def switch_off_worker(request: HttpRequest, worker_id: UUID) -> WorkerOut:
    worker = get_worker(caller(request), worker_id)
    steering.switch_off_worker(caller(request), worker=worker)
    return _worker(server_state(worker))


@router.delete("/workers/{worker_id}", response={204: None}, summary="Forget a server")
def remove_worker(request: HttpRequest, worker_id: UUID, despite: bool = False) -> Status[None]:
    worker = get_worker(caller(request), worker_id)
    steering.remove_worker(caller(request), worker=worker, despite=despite)
    return Status(204, None)


@router.get("/models", response=ModelsOut, summary="Every model of the registry")
def list_models(request: HttpRequest) -> ModelsOut:
    require(caller(request), steering.RIGHT)
    return ModelsOut(items=[_model(model) for model in Model.objects.select_related("base")])


@router.patch("/models/{model_id}", response=ModelOut, summary="Change what is said of a model")
def change_model(request: HttpRequest, model_id: UUID, body: ModelChangeIn) -> ModelOut:
    model = get_model(caller(request), model_id)
    changed = setting_models.change_model(caller(request), model=model, **body.dict(exclude_unset=True))
    return _model(changed)


@router.delete("/models/{model_id}", response={204: None}, summary="Forget a model that nothing uses")
def remove_model(request: HttpRequest, model_id: UUID) -> Status[None]:
    setting_models.remove_model(caller(request), model=get_model(caller(request), model_id))
    return Status(204, None)


@router.put("/assistants/{assistant_id}/models", response=AssistantModelsOut, summary="Say who writes for an assistant")
def set_assistant_models(request: HttpRequest, assistant_id: UUID, body: AssistantModelsIn) -> AssistantModelsOut:
    assistant = get_assistant(caller(request), assistant_id)
    columns = {"mode": body.mode, "repeats_answers": body.repeats_answers}
    setting_models.set_assistant_models(
        caller(request),
        assistant=assistant,
        model=_named(body.model),
        fallbacks=[_get_named(name) for name in body.fallbacks],
        canary=_named(body.canary),
        canary_percent=body.canary_percent,
        **{name: value for name, value in columns.items() if value is not None},
    )
    return _assistant(assistant)


def _server(body: ServerIn) -> steering.Server:
    return steering.Server(
        address=body.address,
        upstream_name=body.model,
        name=body.name,
        role=body.role,
        kind=body.kind or "",
        api_key=body.api_key,
        capacity=body.capacity,
    )


def _named(name: str | None) -> Model | None:
    return _get_named(name) if name else None


def _get_named(name: str) -> Model:
    model = Model.objects.filter(name=name).first()
    if model is None:
        raise BadInputError(f"There is no model {name}.")
    return model


def _worker(server: Server) -> WorkerOut:
    worker, figures = server.worker, server.figures
    return WorkerOut(
        id=worker.id,
        address=worker.address,
        model=worker.model.name,
        kind=worker.kind,
        state=worker.state,
        reason=worker.state_reason or server.warning,
        capacity=worker.capacity,
        running=server.running,
        closed_seconds=server.closed_seconds,
        has_key=worker.has_api_key(),
        is_managed=worker.is_managed,
        is_embedded=worker.is_embedded,
        adapters=[adapter.name for adapter in worker.adapters.all()],
        last_seen_at=worker.last_seen_at,
        figures=FiguresOut(**asdict(figures)) if figures else None,
    )


def _report(report: Report) -> ReportOut:
    return ReportOut(
        is_usable=report.is_usable,
        address=report.address,
        kind=report.kind,
        model=report.upstream_name,
        context_tokens=report.context_tokens,
        first_token_seconds=report.first_token_seconds,
        steps=[StepOut(**vars(step)) for step in report.steps],
        offered=[
            ModelOffered(name=one.name, parent=one.parent, context_tokens=one.context_tokens) for one in report.offered
        ],
    )


def _model(model: Model) -> ModelOut:
    own = {name: getattr(model, name) for name in ModelOut.model_fields if name != "base"}
    return ModelOut(base=model.base.name if model.base else None, **own)


def _assistant(assistant: Assistant) -> AssistantModelsOut:
    return AssistantModelsOut(
        id=assistant.pk,
        slug=assistant.slug,
        mode=assistant.mode,
        model=assistant.model.name if assistant.model else None,
        fallbacks=[one.model.name for one in assistant.fallbacks.select_related("model")],
        canary=assistant.canary.name if assistant.canary else None,
        canary_percent=assistant.canary_percent,
        repeats_answers=assistant.repeats_answers,
    )
