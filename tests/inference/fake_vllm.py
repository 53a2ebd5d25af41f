"""Stands in for the ``vllm`` program: takes ``serve FOLDER --host … --port …`` and serves the scripted server
there.

Leaves its command line and key in the file that FAKE_VLLM_NOTE names, and starts a child as vLLM starts its
engine.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from app.inference.scripted_server import ScriptedServer


def main() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note = {"argv": sys.argv, "key": os.environ.get("VLLM_API_KEY"), "pids": [os.getpid(), child.pid]}
    Path(os.environ["FAKE_VLLM_NOTE"]).write_text(json.dumps(note))
    server = ScriptedServer(int(sys.argv[sys.argv.index("--port") + 1]))
    server.script(tokens=["on "] * 60, pace=0.02)
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
