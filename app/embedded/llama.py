"""The embedded model server: llama.cpp with its own OpenAI-compatible server, on loopback, behind a random key.

It runs as a process of its own (`python -m app.embedded.llama`), because a fault in native code must not take a web
process with it. Its port is chosen once for a data folder and kept, so that the model registry's entry stays right.
"""

import contextlib
import http.client
import os
import random
import signal
import socket
import sys
from pathlib import Path

from app.embedded.errors import EmbeddedError
from app.embedded.paths import CLONE, DataFolder, data_folder, secret
from app.embedded.processes import Part
from app.embedded.weights import SMOLLM2, SMOLLM2_FILE

SLOTS = 4  # answers written at the same time
CONTEXT_TOKENS = 4096  # for each of them
_PORTS = range(20_000, 30_000)  # below what the system hands out to outgoing connections
_PROMPT_CACHE_MIB = 256


def llama_part(folder: DataFolder) -> Part:
    """How to run the model server of this data folder. Chooses its port and its key, which others then read."""
    port = _choose_port(folder)
    secret("llama-key")
    return Part(
        name="llama",
        command=[sys.executable, "-m", "app.embedded.llama"],
        is_ready=lambda: _answers(port),
        folder=CLONE,
        stop_seconds=5.0,
    )


def _choose_port(folder: DataFolder) -> int:
    """The port of the earlier starts where it is free, else another; written down in the run folder."""
    remembered = None
    with contextlib.suppress(FileNotFoundError, ValueError):
        remembered = int(folder.llama_port.read_text())
    candidates = random.sample(_PORTS, 100)
    for port in [remembered, *candidates] if remembered else candidates:
        if is_port_free(port):
            if port != remembered:
                folder.llama_port.write_text(str(port))
            return port
    raise EmbeddedError(f"No free port between {_PORTS.start} and {_PORTS.stop} for the model server.")


def is_port_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def serve(model: Path, port: int, key: str) -> None:
    """Load the model and answer until SIGTERM."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.model_alias = {SMOLLM2.name}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.api_keys = [key]
    parameters.cors_origins = ""
    parameters.ui = False
    parameters.fit_params = False  # measuring what fits takes longer than loading; this model always fits
    parameters.n_parallel = SLOTS
    parameters.n_ctx = SLOTS * CONTEXT_TOKENS
    parameters.cont_batching = True
    parameters.cache_ram_mib = _PROMPT_CACHE_MIB
    parameters.cpuparams.n_threads = os.cpu_count() or 1
    parameters.endpoint_metrics = True
    parameters.endpoint_slots = False
    parameters.verbosity = 1
    server = xllamacpp.Server(parameters)
    print(f"{SMOLLM2.name} answers on {server.listening_address}", flush=True)  # noqa: T201 - the log of this process
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)  # the library's own shutdown waits for requests that may take minutes


def main() -> None:
    # Blocked before the library starts its threads, so that all of them leave these signals to sigwait().
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    folder = data_folder()
    serve(folder.models / SMOLLM2.name / SMOLLM2_FILE, int(folder.llama_port.read_text()), secret("llama-key"))


if __name__ == "__main__":
    main()
