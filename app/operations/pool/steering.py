"""The deeds on model servers: add one after trying it out, change it, drain, resume, switch off, remove.

Trying out asks the server and takes seconds, so it comes before the transaction. Whatever way a first capable model
comes into the pool, it takes the demonstration's place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import User
from accounts.rights import Capability, require
from app.errors import BadInputError, ConflictError
from app.inference.models import Model, Role, Worker, WorkerKind, WorkerState
from app.inference.registry import ensure_model, register_worker, set_worker_state
from app.inference.watching.addresses import tidy_address
from app.inference.watching.checking import Candidate, Report, check_server
from app.operations.pool.errors import FailedTestError, InUseError, StillRunningError
from app.operations.pool.state import running_on
from chat.assistants import adopt_model
from chat.models import Assistant

RIGHT: Capability = "pool.administer"
MOST_CAPACITY = 10_000


@dataclass(frozen=True)
class Server:
    """A server as an administrator describes it. ``upstream_name`` is the model as the server calls it (empty: the only
    one it has), ``name`` as Parley does (empty: the same), ``kind`` empty: the server is asked.
    """

    address: str
    upstream_name: str = ""
    name: str = ""
    role: str = Role.GENERATE
    kind: str = ""
    api_key: str = ""
    capacity: int = 32


@dataclass(frozen=True)
class Added:
    """``adopted`` are the assistants that write with its model from now on."""

    worker: Worker
    report: Report
    adopted: list[Assistant]


@dataclass(frozen=True)
class Change:
    """What to change of a server; None leaves it. ``api_key`` "" forgets the key."""

    address: str | None = None
    api_key: str | None = None
    kind: str | None = None
    capacity: int | None = None


def try_server(actor: User, *, server: Server) -> Report:
    """Try a server out without adding it."""
    require(actor, RIGHT)
    return check_server(_candidate(server))


def add_worker(actor: User, *, server: Server, despite: bool = False) -> Added:
    """Try a server out and let it take requests. ``despite`` adds it as a sick one where it fails.

    Raises FailedTestError, ConflictError when it is in the pool already, BadInputError when its model is known
    otherwise.
    """
    require(actor, RIGHT)
    _check_capacity(server.capacity)
    report = check_server(_candidate(server))
    if not report.is_usable:
        if not despite:
            raise FailedTestError(report)
        tidy_address(server.address)  # without an address there is nothing to add
    with transaction.atomic():
        model = _model_of(server, report)
        if Worker.objects.filter(address=report.address, model=model).exists():
            raise ConflictError(f"{report.address} is in the pool already, with {model}.")
        worker = register_worker(
            model_name=model.name,
            address=report.address,
            api_key=server.api_key or None,
            capacity=server.capacity,
            kind=report.kind,
        )
        if report.first_bad:
            set_worker_state(worker, WorkerState.SICK, report.first_bad.message)
        offered = [one.name for one in report.offered if one.parent]
        worker.adapters.set(model.adapters.filter(upstream_name__in=offered))
        payload = {"address": worker.address, "model": model.name, "capacity": worker.capacity, "kind": worker.kind}
        audit.record(actor=actor, action="pool.add_worker", obj=worker, payload=payload | {"works": report.is_usable})
        adopted = adopt_model(actor, model=model) if report.is_usable else []
    return Added(worker, report, adopted)


def change_worker(actor: User, *, worker: Worker, change: Change, despite: bool = False) -> Worker:
    """Change a server's entry. A new address or key is tried out first, as when it is added.

    Raises FailedTestError, ConflictError when another entry has the address, or BadInputError when a kept key would go
    to another server: who enters addresses is not who may read keys.
    """
    require(actor, RIGHT)
    wanted = {name: value for name, value in vars(change).items() if value is not None}
    if "capacity" in wanted:
        _check_capacity(wanted["capacity"])
    if "address" in wanted:
        wanted["address"] = tidy_address(wanted["address"])[0]
    api_key = wanted.pop("api_key", None)
    is_elsewhere = urlsplit(wanted.get("address", worker.address))[:2] != urlsplit(worker.address)[:2]
    if is_elsewhere and worker.api_key_encrypted and api_key is None:
        raise BadInputError("Give the key again: the one that is kept is not sent to another server.")
    if api_key is not None or wanted.get("address", worker.address) != worker.address:
        report = check_server(_candidate_of(worker, replace(change, **wanted)))
        if not (report.is_usable or despite):
            raise FailedTestError(report)
    with transaction.atomic():
        current = _locked(worker)
        changed = [name for name, value in wanted.items() if getattr(current, name) != value]
        for name in changed:
            setattr(current, name, wanted[name])
        if api_key is not None:
            current.set_api_key(api_key)
            changed.append("api_key_encrypted")
        if not changed:
            return current
        try:
            with transaction.atomic():
                current.save(update_fields=changed)
        except IntegrityError as error:
            raise ConflictError(f"{current.address} is in the pool already, with {current.model}.") from error
        fields = sorted(name.removesuffix("_encrypted") for name in changed)
        audit.record(actor=actor, action="pool.change_worker", obj=current, payload={"fields": fields})
    return current


def drain_worker(actor: User, *, worker: Worker) -> None:
    """Let what runs there end, and nothing new begin."""
    _set_state(actor, worker, WorkerState.DRAINING, "pool.drain_worker")


def resume_worker(actor: User, *, worker: Worker) -> None:
    """Let it take requests again. Should it not answer, it is found sick within seconds."""
    _set_state(actor, worker, WorkerState.HEALTHY, "pool.resume_worker")


def switch_off_worker(actor: User, *, worker: Worker) -> None:
    """Take it out of use, and watch it no longer. What runs there ends all the same."""
    _set_state(actor, worker, WorkerState.OFF, "pool.switch_off_worker")


def remove_worker(actor: User, *, worker: Worker, despite: bool = False) -> None:
    """Take a server's entry out of the registry.

    Raises StillRunningError while answers are written there, unless ``despite``; InUseError for the installation's own.
    """
    require(actor, RIGHT)
    if worker.is_embedded:
        raise InUseError("It belongs to this installation and would be back at the next start. Switch it off instead.")
    running = running_on(worker)
    if running and not despite:
        raise StillRunningError(running)
    payload = {"address": worker.address, "model": worker.model.name, "running": running}
    with transaction.atomic():
        label = audit.label(worker)
        deleted, _ = Worker.objects.filter(pk=worker.pk).delete()
        if deleted:
            audit.record(actor=actor, action="pool.remove_worker", obj=label, payload=payload)


def _set_state(actor: User, worker: Worker, state: WorkerState, action: str) -> None:
    require(actor, RIGHT)
    with transaction.atomic():
        current = _locked(worker)
        if current.state == state:
            return
        payload = {"before": current.state}
        set_worker_state(current, state)
        audit.record(actor=actor, action=action, obj=current, payload=payload)
    worker.state, worker.state_reason = current.state, current.state_reason


def _locked(worker: Worker) -> Worker:
    """As it is now. Raises ConflictError when it was removed, such as while it was tried out."""
    current = Worker.objects.select_for_update().filter(pk=worker.pk).first()
    if current is None:
        raise ConflictError(f"{worker.address} was removed meanwhile. Connect it again if it should serve.")
    return current


def _candidate(server: Server) -> Candidate:
    """What is tried out. A model that is registered keeps its role and the name its servers know it by."""
    known = Model.objects.filter(name=server.name or server.upstream_name).first()
    return Candidate(
        address=server.address,
        role=known.role if known else server.role,
        upstream_name=server.upstream_name or (known.upstream_name if known else ""),
        kind=server.kind,
        api_key=server.api_key or None,
    )


def _candidate_of(worker: Worker, change: Change) -> Candidate:
    key = worker.open_api_key() if change.api_key is None else change.api_key
    return Candidate(
        address=change.address or worker.address,
        role=worker.model.role,
        upstream_name=worker.model.upstream_name,
        kind=change.kind or worker.kind,
        api_key=key or None,
    )


def _model_of(server: Server, report: Report) -> Model:
    """The registry's model that the server runs, made if there is none of the name."""
    upstream_name = report.upstream_name or server.upstream_name or server.name
    name = server.name or upstream_name
    if not name:
        raise BadInputError("Say which model it runs.")
    known = Model.objects.filter(name=name).first()
    if known is None:
        return ensure_model(
            name=name, role=server.role, upstream_name=upstream_name, context_tokens=report.context_tokens
        )
    if known.upstream_name == upstream_name:
        return known
    if known.workers.exists():
        raise BadInputError(
            f"{name} is {known.upstream_name} to its other servers; this one says {upstream_name}. Give it another "
            "name in Parley."
        )
    return ensure_model(name=name, upstream_name=upstream_name)


def _check_capacity(capacity: int) -> None:
    if not 1 <= capacity <= MOST_CAPACITY:
        raise BadInputError(f"A server takes 1 to {MOST_CAPACITY:,} requests at once.")


KINDS = [("", _("Find out")), *WorkerKind.choices]
