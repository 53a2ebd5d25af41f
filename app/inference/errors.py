"""How asking a model goes wrong.

Two questions decide what the pool does, and each error answers both: may another worker be tried
(``elsewhere``), and does this one lose trust (``blames_worker``)? Messages are for readers and name no
address; ``detail`` is for the log.
"""

from app.errors import BadInputError, ParleyError


class NoWorkerError(ParleyError):
    code = "no_worker"
    status = 503
    retry = True
    retry_after: float | None = 5.0
    message = "No model server is available right now. Try again in a moment."


class PoolFullError(ParleyError):
    """The line is full, or the wait would be longer than anybody should wait. ``retry_after`` is in seconds."""

    code = "pool_full"
    status = 503
    retry = True
    message = "Every model server is busy. Try again in a moment."

    def __init__(self, *, retry_after: float | None = None) -> None:
        when = f"Every model server is busy. Try again in about {retry_after:.0f} seconds." if retry_after else None
        super().__init__(when)
        self.retry_after = retry_after


class UpstreamError(ParleyError):
    """A model server failed. ``retry_after`` is in seconds, where the server asked for a pause."""

    code = "model_failed"
    status = 502
    retry = True
    message = "The model server failed before the answer was complete."
    elsewhere = True
    blames_worker = True

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__()
        self.detail = detail
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class UnreachableError(UpstreamError):
    code = "model_unreachable"
    message = "The model server cannot be reached."


class BusyError(UpstreamError):
    """429 or 503: healthy but full, so the next worker is asked at once."""

    code = "model_busy"
    status = 503
    message = "The model server is busy. Try again in a moment."
    blames_worker = False


class RejectedError(UpstreamError):
    """Understood and refused (too long, a bad value): no other worker will take it."""

    code = "model_rejected"
    status = 422
    retry = False
    message = "The model server refused the question, most often because it is too long for the model."
    elsewhere = False
    blames_worker = False


class StalledError(UpstreamError):
    code = "model_stalled"
    status = 504
    message = "The model server stopped answering."


class BrokenStreamError(UpstreamError):
    code = "model_broken_stream"
    message = "The model server sent something that cannot be read."


class WrongModelError(UpstreamError):
    """Another model answered than was asked for, or the server knows none of that name."""

    code = "model_wrong"
    message = "The model server runs another model than it should."


class TooLongError(UpstreamError):
    """The answer ran past the total time or size; a repeat would do the same."""

    code = "model_too_long"
    retry = False
    message = "The answer was cut off because it became too long."
    elsewhere = False
    blames_worker = False


class UnsafeModelError(BadInputError):
    """A model folder holds code or a format that can run code when it is loaded."""

    code = "unsafe_model"


class TamperedModelError(BadInputError):
    """A model's files are not the ones that were registered."""

    code = "tampered_model"
