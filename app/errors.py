"""The errors Parley tells people about.

Each carries a code for programs, a sentence for people that says what to change, and whether trying again can help.
Edges (pages, REST, socket) turn any of them into their own form; nothing else needs to know HTTP.
"""

import math


class ParleyError(Exception):
    """Base of every expected failure. ``status`` is the HTTP status an edge answers with; ``retry_after`` the seconds
    after which trying again may help, where that is known: edges send it as the header ``Retry-After``.
    """

    code = "failed"
    status = 400
    retry = False
    retry_after: float | None = None
    message = "Something went wrong."

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
        self.code = code or self.code

    def headers(self) -> dict[str, str]:
        """What every HTTP answer that tells this error carries."""
        return {} if self.retry_after is None else {"Retry-After": str(max(1, math.ceil(self.retry_after)))}


class BadInputError(ParleyError):
    """What was sent cannot be used; the message names what to change."""

    code = "bad_input"
    status = 422


class NotSignedInError(ParleyError):
    code = "not_signed_in"
    status = 401
    message = "Sign in first."


class NotAllowedError(ParleyError):
    """The caller may see the thing but not do this with it."""

    code = "not_allowed"
    status = 403
    message = "You do not have the right to do this."


class NotFoundError(ParleyError):
    """Nothing there, or nothing there for this caller: the two look the same."""

    code = "not_found"
    status = 404
    message = "There is nothing here."


class ConflictError(ParleyError):
    """Somebody else changed it first; ``current`` says what it is now."""

    code = "conflict"
    status = 409
    message = "This changed in the meantime. Look again."

    def __init__(self, message: str | None = None, *, current: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.current = current or {}


class TooManyError(ParleyError):
    code = "too_many"
    status = 429
    retry = True
    message = "Too many requests. Wait a moment."


class UnavailableError(ParleyError):
    """A part Parley needs does not answer."""

    code = "unavailable"
    status = 503
    retry = True
    retry_after: float | None = 5.0
    message = "A part of Parley does not answer. Try again in a moment."
