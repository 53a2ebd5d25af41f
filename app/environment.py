"""Typed readers for environment variables.

Every variable ``NAME`` may also be given as ``NAME_FILE``, the path of a file with the value, as container secrets are.
A value that cannot be read is refused at start with the variable's name, never replaced by a default.
"""

import os
from pathlib import Path

from app.errors import BadInputError

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def find_text(name: str) -> str | None:
    """The value of ``name`` or of the file that ``name_FILE`` points to; None when neither is set."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise BadInputError(f"{name}_FILE points to {path}, which cannot be read: {error.strerror}.") from error
    return os.environ.get(name) or None


def text(name: str, default: str) -> str:
    return find_text(name) or default


def choice(name: str, options: tuple[str, ...], default: str) -> str:
    value = text(name, default)
    if value not in options:
        raise BadInputError(f"{name} is {value!r}; it must be one of: {', '.join(options)}.")
    return value


def boolean(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise BadInputError(f"{name} is {value!r}; it must be 1 or 0.")


def integer(name: str, default: int) -> int:
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError as error:
        raise BadInputError(f"{name} is {value!r}; it must be a whole number.") from error


def words(name: str, default: str) -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]
