"""How vLLM is started: which options, which environment, and what may not be changed about either.

Bound to loopback or a private address, because vLLM's key guards only /v1 and users must reach none of it. Options
that would load files nobody has verified, or run code named from outside, are refused.
"""

import ipaddress
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.embedded.paths import secret
from app.errors import BadInputError, UnavailableError
from app.inference.weights.adapters import Adapter, room_for

OURS = (
    "--host",
    "--port",
    "--uds",
    "--api-key",
    "--config",
    "--config-format",
    "--model",
    "--model-class-overrides",
    "--model-loader-extra-config",
    "--served-model-name",
    "--tensor-parallel-size",
    "--pipeline-parallel-size",
    "--enable-lora",
    "--lora-modules",
    "--max-lora-rank",
    "--download-dir",
    "--load-format",
    "--tokenizer",
    "--tokenizer-revision",
    "--hf-config-path",
    "--hf-overrides",
    "--code-revision",
    "--trust-remote-code",
    "--trust-request-chat-template",
    "--trust-request-mm-kwargs",
    "--allowed-local-media-path",
    "--allowed-origins",
    "--middleware",
    "--logits-processors",
    "--tool-parser-plugin",
    "--tool-server",
    "--reasoning-parser-plugin",
    "--io-processor-plugin",
    "--worker-cls",
    "--worker-extension-cls",
    "--scheduler-cls",
    "--speculative-config",
    "--spec-model",
    "--default-mm-loras",
    "--disable-log-stats",
    "--enable-offline-docs",
    "--enable-tokenizer-info-endpoint",
    "--grpc",
    "-sc",  # short for speculative-config
    "-tp",
    "-pp",
)
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_SERVER_DEV_MODE": "0",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "0",
    "VLLM_ALLOW_INSECURE_SERIALIZATION": "0",
}
# What a model server has no business to know, should it be in our own environment.
SECRETS = ("SECRET_KEY", "DATABASE_URL", "DATABASE_OWNER_URL", "VALKEY_URL", "MODEL_API_KEY", "EMBEDDING_API_KEY")


@dataclass(frozen=True)
class Plan:
    """One vLLM to run. ``queue`` is how many requests it may hold before it answers 503; ``capacity`` is the
    pool's. Without parallel sizes those of the registry count.
    """

    name: str
    folder: Path
    port: int = 8001
    host: str = "127.0.0.1"
    program: str = "vllm"
    key_file: Path | None = None
    tensor_parallel: int | None = None
    pipeline_parallel: int | None = None
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


@dataclass(frozen=True)
class Served:
    """What a plan serves, after its files were verified: the names it answers to, the first of which it calls itself,
    and the adapters of it.
    """

    names: tuple[str, ...]
    adapters: tuple[Adapter, ...] = ()
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    writes: bool = True


def check_plan(plan: Plan) -> None:
    """Raise BadInputError for a public address or an option that would undo what this module sees to."""
    try:
        host = ipaddress.ip_address(plan.host)
    except ValueError as error:
        raise BadInputError(f"{plan.host!r} is not an IP address.") from error
    if host.is_unspecified or not host.is_private:
        raise BadInputError(f"{plan.host} is public. Bind a model server to loopback or a private address.")
    for option in plan.more:
        name = option.partition("=")[0].partition(".")[0].replace("_", "-")
        # vLLM takes any beginning of an option's name for the option
        if name.strip("-") and any(ours.startswith(name) for ours in OURS):
            raise BadInputError(f"{option} cannot be passed on: serve_model decides it.")


def check_port(plan: Plan) -> None:
    """Raise UnavailableError when vLLM could not listen there, so that no other server is taken for it."""
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((plan.host, plan.port))
        except OSError as error:
            raise UnavailableError(
                f"{plan.host}:{plan.port} cannot be listened on: {error.strerror}. Say another --port or --host."
            ) from error


def read_key(plan: Plan) -> str:
    """The key that vLLM answers to: the file's, else one of this installation's own for this model."""
    if plan.key_file is None:
        return secret(f"vllm-{plan.name}")
    try:
        key = plan.key_file.read_text().strip()
    except (OSError, ValueError) as error:
        raise BadInputError(f"{plan.key_file} cannot be read.") from error
    if not key or not key.isascii() or any(character.isspace() for character in key):
        raise BadInputError(f"{plan.key_file} must hold one key: a line of ASCII without spaces.")
    return key


def command_line(plan: Plan, served: Served) -> list[str]:
    """How vLLM is started. The key is not here but in its environment, where ``ps`` shows it to nobody."""
    command = [plan.program, "serve", str(plan.folder), "--served-model-name", *served.names]
    command += ["--host", plan.host, "--port", str(plan.port), "--allowed-origins", "[]"]
    command += ["--tensor-parallel-size", str(served.tensor_parallel)]
    command += ["--pipeline-parallel-size", str(served.pipeline_parallel)]
    command += ["--load-format", "safetensors", "--disable-fastapi-docs", "--disable-uvicorn-access-log"]
    if served.writes:
        command += ["--enable-prefix-caching", "--enable-prompt-tokens-details", "--scheduling-policy", "priority"]
    if plan.queue:
        command += ["--max-num-queued-reqs", str(plan.queue)]
    if plan.context_tokens:
        command += ["--max-model-len", str(plan.context_tokens)]
    # The adapters come last: of them there may be many, and the first word of ``more`` must not become another.
    return [*command, *plan.more, *_adapter_options(served)]


def _adapter_options(served: Served) -> list[str]:
    if not served.adapters:
        return []
    modules = [
        json.dumps({"name": adapter.name, "path": str(adapter.folder), "base_model_name": served.names[0]})
        for adapter in served.adapters
    ]
    room = ["--max-lora-rank", str(room_for(served.adapters)), "--max-loras", str(min(len(modules), 8))]
    return ["--enable-lora", *room, "--lora-modules", *modules]


def environment(key: str) -> dict[str, str]:
    """What vLLM's environment has beside, or instead of, what ours has."""
    hidden = {name: "" for secret_name in SECRETS for name in (secret_name, f"{secret_name}_FILE")}
    return hidden | ENVIRONMENT | {"VLLM_API_KEY": key}
