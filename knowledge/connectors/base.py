"""What a kind of source has to say for itself: its settings, what lies there, and the bytes of one item.

A new kind is one subclass of ``Connector``, entered in ``knowledge.connectors.registry``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, ClassVar

from pathspec import PathSpec
from pydantic import BaseModel

from accounts.models import User
from app.errors import ParleyError

_TRIED = 20


@dataclass(frozen=True)
class Item:
    """One thing that lies at the source.

    ``key`` names it there for good (a path, an address; at most 500 characters). ``name`` is the file name that decides
    its format. ``fingerprint`` is a cheap sign of its state (an etag, a blob id): equal to the one known means
    unchanged; "" means that only its bytes can tell. ``url`` is where people can open it.
    """

    key: str
    name: str = ""
    fingerprint: str = ""
    url: str = ""

    @property
    def file_name(self) -> str:
        return self.name or PurePosixPath(self.key).name


@dataclass(frozen=True)
class LeftOut:
    """Something at the source that is not taken, and the reason in a sentence."""

    key: str
    reason: str


class SourceUnreachableError(ParleyError):
    """The source as a whole cannot be read now: the sync fails with this reason and nothing is withdrawn."""

    code = "source_unreachable"
    status = 502


class ItemError(Exception):
    """One item cannot be read; it counts as failed, and is not taken for gone."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Patterns:
    """What of a source is wanted, by its key: patterns as in .gitignore files. Nothing to include means everything."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = PathSpec.from_lines("gitignore", include) if include else None
        self._exclude = PathSpec.from_lines("gitignore", exclude)

    def admits(self, key: str) -> bool:
        if self._exclude.match_file(key):
            return False
        return self._include is None or self._include.match_file(key)


class Connector(ABC):
    """One kind of source, opened on one source's settings. Used by one thread at a time, closed at the end."""

    kind: ClassVar[str]
    label: ClassVar[str]
    summary: ClassVar[str]
    """One sentence for whoever chooses a kind."""
    settings_schema: ClassVar[type[BaseModel]]
    """Its config: titles and descriptions of the fields make the form; unknown fields are refused."""
    credential_label: ClassVar[str] = ""
    """What its secret is called ("Access token"); "" when it needs none."""
    do_not_call_in_templates: ClassVar[bool] = True
    harmless_settings: ClassVar[frozenset[str]] = frozenset()
    """Settings that never change where the secret is sent; whoever changes another one has to enter it again."""
    is_listed_first: ClassVar[bool] = False
    """Whether all is listed before anything is read, because listing is cheap: how much there is is known early."""

    def __init__(self, config: Mapping[str, Any], credential: str | None, patterns: Patterns) -> None:
        self.config = self.settings_schema.model_validate(dict(config))
        self.credential = credential
        self.patterns = patterns
        self.is_complete = True
        """Set to False by ``items`` when not everything could be looked at: then nothing is taken for gone."""

    @classmethod
    def check(cls, actor: User, config: BaseModel) -> None:
        """Raise BadInputError when this person may not have a source with these settings; opens nothing outside."""
        return

    @abstractmethod
    def items(self, known: Mapping[str, str]) -> Iterator[Item | LeftOut]:
        """Everything wanted at the source, in order. ``known`` maps keys to the fingerprints of the last time.

        Raises SourceUnreachableError.
        """

    @abstractmethod
    def read(self, item: Item) -> Iterator[bytes]:
        """The item's bytes, piece by piece. Raises ItemError or SourceUnreachableError."""

    def try_out(self) -> str:
        """Whether it works, in a sentence or two for whoever fills in its form; quick. Raises as ``items``."""
        seen = list(islice(self.items({}), _TRIED))
        names = [found.file_name for found in seen if isinstance(found, Item)]
        if not names:
            return "It works, but there is nothing to take." if not seen else f"Nothing is taken: {_reason(seen)}"
        many = f"{_TRIED} items or more" if len(seen) == _TRIED else counted(len(names), "item")
        return f"It works: {many}, such as {', '.join(names[:3])}."

    def close(self) -> None:
        """Let go of connections and temporary files."""
        return


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _reason(found: Sequence[Item | LeftOut]) -> str:
    return next(entry.reason for entry in found if isinstance(entry, LeftOut))
