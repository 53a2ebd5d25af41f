"""The deeds on the registry: which models there are, and which servers take requests for them.

Below people and the audit log, so these take no actor: whoever calls them on a person's behalf checks the
right and records the event.
"""

from typing import TypedDict, Unpack

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from app.embedded import paths
from app.errors import BadInputError, ConflictError
from app.inference.models import Model, Worker, WorkerKind, WorkerState, check_address
from app.inference.routing.news import tell_registry_changed

REPLACED = "MODEL_URL takes its place."
BY_HAND = (WorkerState.OFF, WorkerState.DRAINING)
DEMONSTRATION_MODEL = "smollm2-135m"
DEMONSTRATION_CONTEXT_TOKENS = 4096
EMBEDDED_CAPACITY = 4


class ModelFields(TypedDict, total=False):
    """What can be said of a model beside its name; see ``Model``."""

    role: str
    upstream_name: str
    revision: str
    licence: str
    context_tokens: int | None
    query_prefix: str
    passage_prefix: str
    files: dict[str, str]
    base: Model | None
    tensor_parallel: int
    pipeline_parallel: int
    is_demonstration: bool
    sees_images: bool


@transaction.atomic
def ensure_model(*, name: str, **fields: Unpack[ModelFields]) -> Model:
    """The model of that name, made or brought up to date with ``fields``.

    Raises ConflictError when files are registered already and others are given: new bytes need a new name,
    because answers name the model that wrote them.
    """
    defaults: ModelFields = {"upstream_name": name, **fields}
    model, is_new = Model.objects.select_for_update().get_or_create(name=name, defaults=dict(defaults))
    files = fields.get("files")
    if not is_new and files and model.files and model.files != files:
        raise ConflictError(f"{name} is registered with other files. Give the new files another name.")
    if not is_new and fields:
        for field, value in fields.items():
            setattr(model, field, value)
        model.save(update_fields=list(fields))
    return model


class WorkerFields(TypedDict, total=False):
    """What can be said of a worker beside its model and address. ``api_key``: None keeps the one it has, ""
    forgets it. Without a ``state`` it takes requests.
    """

    api_key: str | None
    capacity: int
    kind: str
    is_embedded: bool
    is_managed: bool
    upstream_name: str | None
    state: WorkerState
    state_reason: str


@transaction.atomic
def register_worker(*, model_name: str, address: str, **fields: Unpack[WorkerFields]) -> Worker:
    """The worker at ``address`` (base URL ending in /v1), taking requests from now on unless another state is given.

    The same address and model twice is the same worker, brought up to date. Makes the model if there is none
    of that name, and sets its ``upstream_name`` if one is given. Raises BadInputError when the address cannot
    be used.
    """
    address = address.rstrip("/")
    try:
        check_address(address)
    except ValidationError as error:
        raise BadInputError(str(error.message)) from error
    upstream_name = fields.pop("upstream_name", None)
    model = (
        ensure_model(name=model_name, upstream_name=upstream_name) if upstream_name else ensure_model(name=model_name)
    )
    worker, _ = Worker.objects.select_for_update().get_or_create(address=address, model=model)
    api_key = fields.pop("api_key", None)
    if api_key is not None:
        worker.set_api_key(api_key)
    worker.state, worker.state_reason = WorkerState.HEALTHY, ""
    for field, value in fields.items():
        setattr(worker, field, value)
    worker.save()
    return worker


def set_worker_state(worker: Worker, state: WorkerState, reason: str = "") -> None:
    """Let the worker take requests, or not, and why. Running answers go on; every process knows at once."""
    worker.state, worker.state_reason = state, reason[:300]
    Worker.objects.filter(id=worker.id).update(state=state, state_reason=worker.state_reason)
    tell_registry_changed()


def note_seen(worker: Worker, *, is_healthy: bool, reason: str = "") -> None:
    """A sign of life, or its absence and why. Switches between healthy and sick only: a drained or stopped one
    stays so.
    """
    state = WorkerState.HEALTHY if is_healthy else WorkerState.SICK
    waking = Worker.objects.filter(id=worker.id, state__in=[WorkerState.HEALTHY, WorkerState.SICK])
    seen = {"last_seen_at": timezone.now()} if is_healthy else {}
    if waking.exclude(state=state).update(state=state, state_reason=reason[:300], **seen):
        tell_registry_changed()
    else:
        waking.update(state_reason=reason[:300], **seen)


def note_alive(worker: Worker) -> None:
    """A sign of life that changes nothing else."""
    Worker.objects.filter(id=worker.id).update(last_seen_at=timezone.now())


@transaction.atomic
def connect_configured_worker() -> Worker | None:
    """The worker that the installation itself names: MODEL_URL, else the embedded llama.cpp where it has been
    started.

    Safe to call at every start. The embedded server changes its port between starts, so its one row moves
    along; when MODEL_URL takes its place it is switched off. Raises BadInputError when MODEL_URL comes
    without MODEL_NAME.
    """
    embedded = Worker.objects.filter(is_embedded=True)
    if settings.MODEL_URL:
        if not settings.MODEL_NAME:
            raise BadInputError("MODEL_URL is set; MODEL_NAME must say which of its models to use.")
        embedded.exclude(state__in=BY_HAND).update(state=WorkerState.OFF, state_reason=REPLACED)
        tell_registry_changed()
        return register_worker(
            model_name=settings.MODEL_NAME,
            address=settings.MODEL_URL,
            api_key=settings.MODEL_API_KEY,
            state=_state_left(
                Worker.objects.filter(address=settings.MODEL_URL.rstrip("/"), model__name=settings.MODEL_NAME)
            ),
        )
    address = paths.llama_address()
    if address is None:
        return None
    ensure_model(
        name=DEMONSTRATION_MODEL,
        licence="Apache-2.0",
        context_tokens=DEMONSTRATION_CONTEXT_TOKENS,
        is_demonstration=True,
    )
    state = _state_left(embedded)
    embedded.exclude(address=address).delete()
    return register_worker(
        model_name=DEMONSTRATION_MODEL,
        address=address,
        api_key=paths.llama_key(),
        capacity=EMBEDDED_CAPACITY,
        kind=WorkerKind.LLAMA,
        is_embedded=True,
        state=state,
    )


def _state_left(workers: QuerySet[Worker]) -> WorkerState:
    """Healthy, except that what an administrator switched off or drained stays so over a start."""
    left = workers.filter(state__in=BY_HAND).exclude(state_reason=REPLACED).first()
    return WorkerState(left.state) if left else WorkerState.HEALTHY
