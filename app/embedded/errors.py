"""What the embedded parts say when they cannot go on: one sentence that names what to change."""


class EmbeddedError(Exception):
    """Expected: a taken port, a folder that cannot be written, a file that is not what it should be."""
