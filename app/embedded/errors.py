"""What the embedded parts say when they cannot go on: one sentence that names what to change."""

from app.errors import UnavailableError


class EmbeddedError(UnavailableError):
    """Expected: a taken port, a folder that cannot be written, a file that is not what it should be."""
