"""What stands beside Parley in the stream benchmark: a direct call, nginx, vllm-router and LiteLLM's proxy.

The last two come from the package index, each into an environment of its own that is kept in BENCH_CACHE: their
requirements and Parley's need not agree. A relay that cannot be had ends the benchmark with what it needs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.embedded import application
from app.embedded.processes import Part
from bench.harness import BenchError
from bench.house import House, free_port
from bench.upstream import MODEL

NGINX, VLLM_ROUTER, LITELLM_PROXY = "nginx", "vllm-router", "litellm"
# The newest that could be installed on Python 3.11.
ROUTER, LITELLM = "vllm-router==0.1.17", "litellm[proxy]==1.106.1"
_NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 512; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""
_LITELLM = """
model_list:
  - model_name: {model}
    litellm_params: {{model: "openai/{model}", api_base: "http://127.0.0.1:{upstream}/v1", api_key: none}}
"""


@dataclass(frozen=True)
class Relay:
    """A program before the model server that speaks its protocol. ``headers`` let a reader in."""

    part: Part
    port: int
    headers: Mapping[str, str] = field(default_factory=dict)


def all_relays(house: House, upstream: int) -> dict[str, Relay]:
    """Every relay by name, the floor first, or those that BENCH_AGAINST names; what is not installed yet is.

    Raises BenchError where that fails.
    """
    makers: dict[str, Callable[[], Relay]] = {
        NGINX: partial(nginx, house, upstream),
        VLLM_ROUTER: partial(vllm_router, upstream),
        LITELLM_PROXY: partial(litellm, house, upstream),
    }
    wanted = os.environ.get("BENCH_AGAINST", ",".join(makers)).split(",")
    if unknown := set(wanted) - set(makers):
        raise BenchError(f"BENCH_AGAINST names {', '.join(sorted(unknown))}; there are {', '.join(makers)}.")
    return {name: make() for name, make in makers.items() if name in wanted or name == NGINX}


def nginx(house: House, upstream: int) -> Relay:
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise BenchError("This compares Parley with nginx, which is not installed: apt-get install nginx-light.")
    folder = _folder(house, "nginx")
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port))
    command = [program, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
    return Relay(Part("nginx", command, is_ready=_answers(port, "/health")), port)


def vllm_router(upstream: int) -> Relay:
    port = free_port()
    command = [str(installed(ROUTER) / "vllm-router"), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--worker-urls", f"http://127.0.0.1:{upstream}", "--policy", "round_robin", "--log-level", "error"]
    command += ["--max-concurrent-requests", "2048", "--queue-size", "2048", "--prometheus-port", str(free_port())]
    return Relay(Part("vllm-router", command, is_ready=_answers(port, "/health")), port)


def litellm(house: House, upstream: int) -> Relay:
    folder, port, key = _folder(house, "litellm"), free_port(), f"sk-{secrets.token_hex(16)}"
    configuration = folder / "config.yaml"
    configuration.write_text(_LITELLM.format(model=MODEL, upstream=upstream))
    command = [str(installed(LITELLM) / "litellm"), "--config", str(configuration), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    part = Part(
        "litellm",
        command,
        is_ready=_answers(port, "/health/liveliness"),
        environment={"LITELLM_MASTER_KEY": key, "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        start_seconds=480.0,
    )
    return Relay(part, port, {"Authorization": f"Bearer {key}"})


def installed(requirement: str) -> Path:
    """The folder with the programs of a package in an environment of its own, made unless it is there.

    Raises BenchError with what pip said when it cannot be installed.
    """
    name = requirement.replace("[", "-").replace("]", "").replace("==", "-")
    place = Path(os.environ["BENCH_CACHE"]) / "relays" / name
    if (place / "complete").exists():
        return place / "bin"
    print(f"Installing {requirement} into {place} (once; up to a few minutes) …", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input", requirement],
    ):
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode:
            raise BenchError(
                f"This compares Parley with {requirement}, which cannot be installed:\n{ended.stderr[-800:]}"
            )
    (place / "complete").touch()
    return place / "bin"


def _folder(house: House, name: str) -> Path:
    folder = house.folder.run / name
    folder.mkdir()
    return folder


def _answers(port: int, path: str) -> Callable[[], bool]:
    return partial(application.answers, port, path)
