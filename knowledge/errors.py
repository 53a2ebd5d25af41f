"""What can go wrong with knowledge, in words for the people who keep it."""

from app.errors import BadInputError, ConflictError, UnavailableError


class TooLargeError(BadInputError):
    code = "too_large"
    status = 413
    message = "This file is larger than Parley takes."


class CannotReadError(BadInputError):
    """The file is of a kind that Parley does not read."""

    code = "cannot_read"


class NotReadyError(ConflictError):
    """The document is still being read, or its state does not allow this."""

    code = "not_ready"


class IndexMismatchError(UnavailableError):
    """The passages were embedded by another model than the one that is set up now."""

    code = "index_mismatch"
    retry = False


class IndexChangedError(UnavailableError):
    """Another generation came to serve between embedding a document and publishing it."""

    code = "index_changed"
    message = "The index was changed meanwhile. It is read again in a moment."


class SettingError(BadInputError):
    """A setting of a source cannot be used; ``field`` names it."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field
