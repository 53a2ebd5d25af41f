"""Runs ``vllm serve`` as one worker of the pool: checked weights in, a registered server out, drained at the
end.

It answers to a key of its own, is restarted with growing pauses when it dies, and says in the registry every few
seconds that it lives, or why it does not. It cannot outlive the command that started it.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
from django.db import DatabaseError, connection

from app.embedded.folders import HeldError, hold
from app.embedded.guarding import Guard
from app.embedded.paths import data_folder
from app.embedded.processes import Part, describe_exit, spawn
from app.embedded.processes import stop as stop_process
from app.errors import BadInputError, ConflictError, UnavailableError
from app.inference.models import Model, Role, Worker, WorkerKind, WorkerState
from app.inference.registry import note_alive, note_seen, register_worker, set_worker_state
from app.inference.serving.last_words import LastWords
from app.inference.serving.vllm import Plan, Served, check_port, command_line, environment, read_key
from app.inference.watching.figures import read_metrics
from app.inference.weights.adapters import Adapter, check_adapter
from app.inference.weights.folders import Progress, verify_files
from app.inference.weights.harmless import refuse_incomplete, refuse_unsafe
from app.inference.weights.pulling import model_folder, register_folder
from app.inference.weights.signatures import Signer, check_signature

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
NEWS_SECONDS = 6.0  # until every Parley process has read that a worker drains
STUCK_SECONDS = 60.0  # without health, until it is started again
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
POLL_SECONDS = 0.25


def check_weights(plan: Plan, signer: Signer | None = None, progress: Progress | None = None) -> Served:
    """The registered model and its adapters, every file of them verified; the model is registered now if it is new.

    Raises UnsafeModelError or TamperedModelError when a folder must not be served.
    """
    if signer:
        check_signature(plan.folder, signer)
    model = Model.objects.filter(name=plan.name).first()
    if model is None or not model.files:
        model = register_folder(plan.name, plan.folder, progress)
    else:
        _verify(plan.folder, model, progress)
    if model.base:
        raise BadInputError(f"{plan.name} is an adapter: it comes with `serve_model {model.base.name}`.")
    if not any(plan.folder.glob("*.safetensors")):
        raise BadInputError(f"{plan.folder} holds no safetensors, which vLLM is started on.")
    return Served(
        names=tuple(dict.fromkeys((model.upstream_name, model.name))),
        adapters=tuple(_check_adapter(adapter, plan, progress) for adapter in _adapters_here(model)),
        tensor_parallel=plan.tensor_parallel or model.tensor_parallel,
        pipeline_parallel=plan.pipeline_parallel or model.pipeline_parallel,
        writes=model.role not in (Role.EMBED, Role.RERANK),
    )


def _adapters_here(model: Model) -> list[Model]:
    return list(model.adapters.exclude(files={}).order_by("name"))


def _check_adapter(model: Model, plan: Plan, progress: Progress | None) -> Adapter:
    folder = model_folder(model.name)
    _verify(folder, model, progress)
    return Adapter(model.upstream_name, folder, check_adapter(folder, plan.name, plan.folder))


def _verify(folder: Path, model: Model, progress: Progress | None) -> None:
    refuse_unsafe(folder)
    refuse_incomplete(folder)
    verify_files(folder, model.files, progress)


class Service:
    """One vLLM from its start to its end. ``ask_to_stop`` may be called from a signal handler."""

    def __init__(self, plan: Plan, served: Served) -> None:
        self.plan, self.served = plan, served
        self.worker: Worker | None = None
        self._key = read_key(plan)
        self._stopping = threading.Event()
        self._hurrying = threading.Event()
        self._client = httpx.Client(timeout=5.0, trust_env=False)
        self._was_healthy = False
        self._ends = 0
        self._part = Part(
            name=plan.name,
            command=command_line(plan, served),
            environment=environment(self._key),
            stop_seconds=20.0,
        )

    def ask_to_stop(self) -> None:
        """Once: let running answers end. Twice: do not."""
        if self._stopping.is_set():
            self._hurrying.set()
        self._stopping.set()

    def run(self) -> None:
        """Serve until asked to stop, restarting what dies.

        Raises ConflictError when another serve_model has this address, UnavailableError when something else has, and
        EmbeddedError when vLLM cannot be started at all.
        """
        with self._held() as guard:
            check_port(self.plan)
            self._register()
            pause = FIRST_PAUSE
            try:
                while not self._stopping.is_set():
                    began_at = time.monotonic()
                    reason = self._run_once(guard)
                    if time.monotonic() - began_at > 5 * LONGEST_PAUSE:
                        pause, self._ends = FIRST_PAUSE, 0
                    if not self._stopping.is_set():
                        self._note_end(reason, pause)
                        self._stopping.wait(pause)
                        pause = min(pause * 2, LONGEST_PAUSE)
            finally:
                self._note(WorkerState.OFF)
                self._client.close()

    @contextlib.contextmanager
    def _held(self) -> Iterator[Guard]:
        """This address is ours alone, until vLLM is gone, even if this process is killed before."""
        folder = data_folder().run
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"serve-{self.plan.host.replace(':', '_')}-{self.plan.port}.lock"
        try:
            lock = hold(file, f"serving {self.plan.name}")
        except HeldError as error:
            raise ConflictError(f"Another serve_model has {self.plan.root} ({error}). Say another --port.") from None
        guard = Guard(lock)
        try:
            guard.start()
            yield guard
        finally:
            guard.close()
            os.close(lock)

    def _run_once(self, guard: Guard) -> str:
        """From a start to an end; returns why it ended."""
        try:
            check_port(self.plan)
        except UnavailableError as error:
            return error.message
        words = LastWords()
        process = spawn(self._part, output=words.entrance)
        words.listen()
        guard.start()
        guard.tell([(process, self._part)])
        try:
            reason = self._wait_until_ready(process)
            if not reason and process.poll() is None:
                words.forget()
                reason = self._watch(process)
            if self._stopping.is_set() and process.poll() is None:
                self._drain(process)
        finally:
            stop_process(process, self._part)
            guard.tell([])
            words.close()
        said = f": {words.reason}" if words.reason else "."
        return f"{reason or f'vLLM is gone ({describe_exit(process.returncode)})'}{said}"

    def _wait_until_ready(self, process: "Popen[bytes]") -> str:
        """Empty once it answers, or has ended, or is no longer wanted; else what is wrong."""
        end = time.monotonic() + self.plan.start_seconds
        while process.poll() is None and not self._stopping.is_set():
            if self._is_healthy() and self._answers():
                logger.info("%s answers at %s", self.plan.name, self.plan.address)
                return ""
            if time.monotonic() > end:
                return f"vLLM did not answer within {self.plan.start_seconds:.0f} s"
            self._stopping.wait(POLL_SECONDS)
        return ""

    def _watch(self, process: "Popen[bytes]") -> str:
        """Until it ends or is asked to: say that it lives. What is wrong, when it has been without health too long."""
        next_beat, healthy_at = 0.0, time.monotonic()
        while process.poll() is None and not self._stopping.is_set():
            now = time.monotonic()
            if now > next_beat:
                next_beat = now + HEARTBEAT_SECONDS
                is_healthy = self._is_healthy()
                healthy_at = now if is_healthy else healthy_at
                self._beat(is_healthy=is_healthy)
            if now - healthy_at > STUCK_SECONDS:
                return f"vLLM did not say that it is well for {STUCK_SECONDS:.0f} s"
            self._stopping.wait(POLL_SECONDS)
        return ""

    def _drain(self, process: "Popen[bytes]") -> None:
        """Take nothing new, let what runs end, but not for ever."""
        self._note(WorkerState.DRAINING, "It is being stopped; running answers end first.")
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() - begun < self.plan.drain_seconds:
            if time.monotonic() - begun > NEWS_SECONDS and not self._running_requests():
                return
            if self._hurrying.wait(POLL_SECONDS):
                return

    def _register(self) -> None:
        """A worker that is known from now on, and takes requests once it answers."""
        with _database():
            worker = register_worker(
                model_name=self.plan.name,
                address=self.plan.address,
                api_key=self._key,
                capacity=self.plan.capacity,
                kind=WorkerKind.VLLM,
                is_managed=True,
                state=WorkerState.SICK,
                state_reason="It is being started.",
            )
            names = [adapter.name for adapter in self.served.adapters]
            worker.adapters.set(worker.model.adapters.filter(upstream_name__in=names))
            self.worker = worker

    def _beat(self, *, is_healthy: bool) -> None:
        """Between changes only the time is noted: others may know better why it should take no requests."""
        if self.worker is None:  # the database was away when it was to be registered
            self._register()
        if self.worker is None:
            return
        with _database():
            if is_healthy != self._was_healthy:
                note_seen(self.worker, is_healthy=is_healthy, reason="" if is_healthy else "Its /health says no.")
            elif is_healthy:
                note_alive(self.worker)
            self._was_healthy = is_healthy

    def _note_end(self, reason: str, pause: float) -> None:
        self._ends += 1
        self._was_healthy = False
        times = f"{self._ends} times in a row; " if self._ends > 1 else ""
        news = f"{reason[:220]} ({times}next try after {pause:.0f} s)"
        logger.warning("%s: %s", self.plan.name, news)
        if self.worker:
            with _database():
                note_seen(self.worker, is_healthy=False, reason=news)

    def _note(self, state: WorkerState, reason: str = "") -> None:
        if self.worker:
            with _database():
                set_worker_state(self.worker, state, reason)

    def _is_healthy(self) -> bool:
        try:
            return self._client.get(f"{self.plan.root}/health").status_code == 200
        except httpx.HTTPError:
            return False

    def _answers(self) -> bool:
        """Whether all that is to be served is, under the key."""
        try:
            answer = self._client.get(f"{self.plan.address}/models", headers={"Authorization": f"Bearer {self._key}"})
            found: list[dict[str, Any]] = answer.json()["data"]
            names = {model["id"] for model in found}
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False
        return names >= {*self.served.names, *(adapter.name for adapter in self.served.adapters)}

    def _running_requests(self) -> float:
        """What vLLM says it runs and holds; 1 when it does not say, so that the deadline decides."""
        try:
            said = read_metrics(self._client.get(f"{self.plan.root}/metrics").text, time.time())
        except (httpx.HTTPError, ValueError):
            return 1
        return 1 if said.running is None else said.running + (said.waiting or 0)


@contextlib.contextmanager
def _database() -> Iterator[None]:
    """For writes that may fail: a model server does not stop because the database does."""
    try:
        yield
    except DatabaseError as error:
        logger.warning("the registry cannot be written: %s", error)
    finally:
        connection.close()
