"""The settings of a source as its connector wants them, and what is wrong with them in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from accounts.models import User
from knowledge.connectors.base import Connector, Patterns
from knowledge.errors import SettingError

MOST_PATTERNS = 100
LONGEST_PATTERN = 200


def checked_settings(actor: User, connector: type[Connector], config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are kept. Raises SettingError naming the field, BadInputError when they are refused."""
    try:
        settings = connector.settings_schema.model_validate(dict(config))
    except ValidationError as error:
        raise in_words(error, connector) from error
    connector.check(actor, settings)
    return settings.model_dump(mode="json")


def checked_patterns(patterns: Sequence[str], field: str) -> list[str]:
    """Patterns as they are kept, without empty ones. Raises SettingError."""
    kept = [stripped for pattern in patterns if (stripped := pattern.strip())]
    if len(kept) > MOST_PATTERNS or any(len(pattern) > LONGEST_PATTERN for pattern in kept):
        raise SettingError(
            f"There may be {MOST_PATTERNS} patterns of at most {LONGEST_PATTERN} characters.", field=field
        )
    for pattern in kept:
        try:
            Patterns([pattern])
        except ValueError as error:
            raise SettingError(f"{pattern} is not a pattern as in .gitignore files.", field=field) from error
    return kept


def in_words(error: ValidationError, connector: Connector | type[Connector]) -> SettingError:
    """The first thing that is wrong, in a sentence that names the field as its form does."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    title = _title(connector.settings_schema, name)
    if first["type"] == "extra_forbidden":
        return SettingError(f"A source of this kind has no setting called {name}.", field=name)
    if first["type"] == "missing":
        return SettingError(f"{title} ({name}) is needed.", field=name)
    problem = first["msg"].removeprefix("Value error, ").rstrip(".")
    return SettingError(f"{title} ({name}): {problem}." if name else f"{problem}.", field=name)


def moves_credential(connector: type[Connector], before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a stored credential would be sent elsewhere: some setting changed that may say where it goes."""
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return bool(changed - connector.harmless_settings)


def _title(schema: type[BaseModel], name: str) -> str:
    field = schema.model_fields.get(name)
    return (field.title if field and field.title else name.replace("_", " ")).capitalize()
