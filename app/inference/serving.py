"""Runs ``vllm serve`` as one worker of the pool: checked weights in, a registered server out, drained at the
end.

Bound to loopback or a private address, because vLLM's key guards only /v1 and users must reach none of it. It
answers to a key of its own, is restarted with growing pauses when it dies, and says in the registry every few
seconds that it lives.
"""

import contextlib
import ipaddress
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx
from django.db import DatabaseError, connection

from app.embedded.paths import secret
from app.embedded.processes import Part, describe_exit, spawn
from app.embedded.processes import stop as stop_process
from app.errors import BadInputError
from app.inference.folders import refuse_unsafe, verify_files
from app.inference.models import Model, Worker, WorkerKind, WorkerState
from app.inference.pulling import register_folder
from app.inference.registry import note_seen, register_worker, set_worker_state

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
NEWS_SECONDS = 6.0  # until every Parley process has read that a worker drains
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
POLL_SECONDS = 0.25
OURS = (
    "host",
    "port",
    "uds",
    "api-key",
    "config",
    "trust-remote-code",
    "allowed-local-media-path",
    "served-model-name",
    "download-dir",
    "load-format",
)
RUNNING = re.compile(r"^vllm:num_requests_(?:running|waiting)(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Plan:
    """One vLLM to run. ``queue`` is how many requests it may hold before it answers 503; ``capacity`` is the
    pool's.
    """

    name: str
    folder: Path
    port: int = 8001
    host: str = "127.0.0.1"
    program: str = "vllm"
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    context_tokens: int | None = None
    capacity: int = 64
    queue: int = 256
    start_seconds: float = 900.0
    drain_seconds: float = 60.0
    more: Sequence[str] = ()

    @property
    def root(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def address(self) -> str:
        return f"{self.root}/v1"


def check_plan(plan: Plan) -> None:
    """Raise BadInputError for a public address or an option that would undo what this module sees to."""
    try:
        host = ipaddress.ip_address(plan.host)
    except ValueError as error:
        raise BadInputError(f"{plan.host!r} is not an IP address.") from error
    if host.is_unspecified or not host.is_private:
        raise BadInputError(f"{plan.host} is public. Bind a model server to loopback or a private address.")
    for option in plan.more:
        name = option.partition("=")[0].lstrip("-").replace("_", "-")
        # vLLM takes any beginning of an option's name for the option
        if option.startswith("--") and name and any(ours.startswith(name) for ours in OURS):
            raise BadInputError(f"{option} cannot be passed on: serve_model decides it.")


def check_weights(plan: Plan) -> Model:
    """The registered model, its files verified byte for byte; registered now if it is new.

    Raises UnsafeModelError or TamperedModelError when the folder must not be served.
    """
    refuse_unsafe(plan.folder)
    model = Model.objects.filter(name=plan.name).first()
    if model is None or not model.files:
        return register_folder(plan.name, plan.folder, logger.info)
    verify_files(plan.folder, model.files)
    return model


def command_line(plan: Plan) -> list[str]:
    """How vLLM is started. The key is not here but in its environment, where ``ps`` shows it to nobody."""
    command = [plan.program, "serve", str(plan.folder), "--served-model-name", plan.name]
    command += ["--host", plan.host, "--port", str(plan.port), "--allowed-origins", "[]"]
    command += ["--tensor-parallel-size", str(plan.tensor_parallel)]
    command += ["--pipeline-parallel-size", str(plan.pipeline_parallel)]
    command += ["--load-format", "safetensors", "--enable-prefix-caching", "--enable-prompt-tokens-details"]
    command += ["--scheduling-policy", "priority", "--disable-fastapi-docs", "--disable-uvicorn-access-log"]
    if plan.queue:
        command += ["--max-num-queued-reqs", str(plan.queue)]
    if plan.context_tokens:
        command += ["--max-model-len", str(plan.context_tokens)]
    return [*command, *plan.more]


class Service:
    """One vLLM from its start to its end. ``ask_to_stop`` may be called from a signal handler."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.worker: Worker | None = None
        self._key = secret(f"vllm-{plan.name}")
        self._stopping = threading.Event()
        self._client = httpx.Client(timeout=5.0, trust_env=False)
        self._part = Part(
            name=plan.name,
            command=command_line(plan),
            environment={
                "VLLM_API_KEY": self._key,
                "HF_HUB_OFFLINE": "1",
                "TRANSFORMERS_OFFLINE": "1",
                "VLLM_NO_USAGE_STATS": "1",
            },
            stop_seconds=20.0,
        )

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Serve until asked to stop, restarting what dies. Raises EmbeddedError when vLLM cannot be started
        at all.
        """
        pause = FIRST_PAUSE
        try:
            while not self._stopping.is_set():
                began_at = time.monotonic()
                self._run_once()
                if time.monotonic() - began_at > 5 * LONGEST_PAUSE:
                    pause = FIRST_PAUSE
                if not self._stopping.wait(pause):
                    logger.warning("%s starts again", self.plan.name)
                    pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            self._note(WorkerState.OFF)
            self._client.close()

    def _run_once(self) -> None:
        process = spawn(self._part, output=sys.stdout.fileno())
        try:
            if self._wait_until_ready(process):
                self._register()
                self._watch(process)
            if self._stopping.is_set() and process.poll() is None:
                self._drain(process)
        finally:
            stop_process(process, self._part)
        if not self._stopping.is_set():
            logger.warning("%s ended: %s", self.plan.name, describe_exit(process.returncode))
            self._note(WorkerState.SICK)

    def _wait_until_ready(self, process: "Popen[bytes]") -> bool:
        end = time.monotonic() + self.plan.start_seconds
        while process.poll() is None and time.monotonic() < end:
            if self._is_healthy():
                return True
            if self._stopping.wait(POLL_SECONDS):
                return False
        return False

    def _watch(self, process: "Popen[bytes]") -> None:
        """Until it ends or is asked to: say that it lives."""
        next_beat = 0.0
        while process.poll() is None and not self._stopping.wait(POLL_SECONDS):
            if self.worker and time.monotonic() > next_beat:
                next_beat = time.monotonic() + HEARTBEAT_SECONDS
                is_healthy = self._is_healthy()
                with _database():
                    note_seen(self.worker, is_healthy=is_healthy)

    def _drain(self, process: "Popen[bytes]") -> None:
        """Take nothing new, let what runs end, but not for ever."""
        self._note(WorkerState.DRAINING)
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() - begun < self.plan.drain_seconds:
            if time.monotonic() - begun > NEWS_SECONDS and not self._running_requests():
                return
            time.sleep(POLL_SECONDS)

    def _register(self) -> None:
        with _database():
            self.worker = register_worker(
                model_name=self.plan.name,
                address=self.plan.address,
                api_key=self._key,
                capacity=self.plan.capacity,
                kind=WorkerKind.VLLM,
            )
            logger.info("%s answers at %s", self.plan.name, self.plan.address)

    def _note(self, state: WorkerState) -> None:
        if self.worker:
            with _database():
                set_worker_state(self.worker, state)

    def _is_healthy(self) -> bool:
        try:
            return self._client.get(f"{self.plan.root}/health").status_code == 200
        except httpx.HTTPError:
            return False

    def _running_requests(self) -> int:
        """What vLLM says it runs and holds; 1 when it does not say, so that the deadline decides."""
        try:
            found = RUNNING.findall(self._client.get(f"{self.plan.root}/metrics").text)
        except httpx.HTTPError:
            return 1
        return sum(int(float(count)) for count in found) if found else 1


@contextlib.contextmanager
def _database() -> Iterator[None]:
    """For writes that may fail: a model server does not stop because the database does."""
    try:
        yield
    except DatabaseError as error:
        logger.warning("the registry cannot be written: %s", error)
    finally:
        connection.close()
