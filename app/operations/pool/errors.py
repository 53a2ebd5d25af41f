"""What stands against a deed on the pool."""

from __future__ import annotations

from typing import Any

from app.errors import BadInputError, ConflictError
from app.inference.watching.checking import Report


class FailedTestError(BadInputError):
    """The server was tried out and cannot be used as it is described; ``report`` says why, step by step."""

    code = "failed_test"

    def __init__(self, report: Report) -> None:
        super().__init__(report.problem)
        self.report = report
        self.current = {"steps": [vars(step) for step in report.steps]}


class StillRunningError(ConflictError):
    """Answers are being written there; ``current`` says how many."""

    code = "still_running"

    def __init__(self, running: int) -> None:
        words = "An answer is" if running == 1 else f"{running} answers are"
        super().__init__(
            f"{words} being written there. Drain it first and wait until they end, or remove it all the same.",
            current={"running": running},
        )


class InUseError(ConflictError):
    code = "in_use"

    def __init__(self, message: str, **current: Any) -> None:
        super().__init__(message, current=current)
