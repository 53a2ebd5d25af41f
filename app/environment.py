"""Typed readers for environment variables.

Every variable ``NAME`` may also be given as ``NAME_FILE``, the path of a file with the value, as container secrets are.
A value that cannot be read is refused at start with the variable's name, never replaced by a default.
"""

import json
import os
from pathlib import Path
from typing import Any

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


def some_of(name: str, options: tuple[str, ...], default: str) -> list[str]:
    """A list separated by commas, of nothing but ``options``."""
    chosen = words(name, default)
    if unknown := [one for one in chosen if one not in options]:
        raise BadInputError(f"{name} names {', '.join(unknown)}; it may name: {', '.join(options)}.")
    return chosen


def objects(name: str) -> list[dict[str, Any]]:
    """A list of JSON objects; none when it is not set."""
    try:
        found = json.loads(text(name, "[]"))
    except json.JSONDecodeError as error:
        raise BadInputError(f"{name} is not JSON: {error}.") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadInputError(f"{name} must be a list of JSON objects.")
    return found


def mapping(name: str, options: tuple[str, ...]) -> dict[str, str]:
    """A JSON object whose values are all among ``options``; an empty one when it is not set."""
    try:
        found = json.loads(text(name, "{}"))
    except json.JSONDecodeError as error:
        raise BadInputError(f"{name} is not JSON: {error}.") from error
    if not isinstance(found, dict) or not all(one in options for one in found.values()):
        raise BadInputError(f"{name} must be a JSON object whose values are among: {', '.join(options)}.")
    return {str(key): str(value) for key, value in found.items()}


def words(name: str, default: str) -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]
