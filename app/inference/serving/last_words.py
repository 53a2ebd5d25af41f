"""Passes on what a child process writes, and remembers why it ended, should it say so."""

import contextlib
import os
import re
import sys
import threading

ERROR = re.compile(r"\b([A-Z]\w*(?:Error|Exception)): (.+)")
NO_REASON = ("Engine core initialization failed", "EngineDeadError", "EngineCore encountered an issue")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LONGEST_REASON = 160


class LastWords:
    """``entrance`` is the descriptor that the child writes to; ``listen`` once it has it."""

    def __init__(self) -> None:
        self.reason = ""
        self._exit, self.entrance = os.pipe()
        self._thread = threading.Thread(target=self._pass_on, name="last-words", daemon=True)

    def listen(self) -> None:
        """Close our side of the entrance, so that it ends with the child, and begin to pass on."""
        os.close(self.entrance)
        self._thread.start()

    def forget(self) -> None:
        """What was said so far was no reason: the child serves."""
        self.reason = ""

    def close(self) -> None:
        """Wait until everything has been passed on; a grandchild that keeps the pipe open is not waited for long."""
        self._thread.join(2.0)

    def _pass_on(self) -> None:
        output = sys.stdout.fileno()
        with os.fdopen(self._exit, "rb") as lines:
            for line in lines:
                with contextlib.suppress(OSError):  # nobody reads on; the child must not block for that
                    os.write(output, line)
                self._note(COLOURS.sub("", line.decode(errors="replace")).strip())

    def _note(self, line: str) -> None:
        found = ERROR.search(line)
        if found and not any(words in line for words in NO_REASON):
            self.reason = f"{found[1]}: {found[2]}"[:LONGEST_REASON]
