"""Stands in for the ``vllm`` program: takes ``serve FOLDER --host … --port …`` and serves the scripted server
there.

Leaves its command line and key in the file that FAKE_VLLM_NOTE names, and starts a child as vLLM starts its
engine. FAKE_VLLM_ENDS has it say that and end instead of serving.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from app.inference.scripted_server import ScriptedServer


def main() -> None:
    if words := os.environ.get("FAKE_VLLM_ENDS"):
        sys.exit(words)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    environment = {name: os.environ.get(name) for name in ("SECRET_KEY", "HF_HUB_OFFLINE", "VLLM_SERVER_DEV_MODE")}
    note = {"argv": sys.argv, "key": os.environ.get("VLLM_API_KEY"), "pids": [os.getpid(), child.pid]}
    Path(os.environ["FAKE_VLLM_NOTE"]).write_text(json.dumps(note | {"environment": environment}))
    server = ScriptedServer(int(_values("--port")[0]))
    server.models = [*_values("--served-model-name"), *(json.loads(each)["name"] for each in _values("--lora-modules"))]
    server.script(tokens=["on "] * 60, pace=0.02)
    asyncio.run(server.serve())


def _values(option: str) -> list[str]:
    """What follows the option, up to the next one."""
    if option not in sys.argv:
        return []
    rest = sys.argv[sys.argv.index(option) + 1 :]
    return rest[: next((index for index, word in enumerate(rest) if word.startswith("--")), len(rest))]


if __name__ == "__main__":
    main()
