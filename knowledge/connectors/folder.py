"""A folder of the machine Parley runs on, with the folders below it.

Hidden files and links are not taken; each is named with its reason, because a handbook with silent gaps is worse than
one that says what it lacks. Links are refused again when a file is opened, at every step of its path, so that nobody
who can write below an allowed folder leads Parley to another.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop as _
from pydantic import BaseModel, ConfigDict, Field, field_validator

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import Connector, Item, ItemError, LeftOut, Patterns, SourceUnreachableError

_PIECE = 1 << 20
_SETTLED_NS = 2_000_000_000  # the coarsest clock of a file system in use


class FolderSettings(BaseModel):
    """Where it is."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(title=_("Folder"), description=_("An absolute path on the machine Parley runs on."))

    @field_validator("path")
    @classmethod
    def _without_links(cls, path: str) -> str:
        if not path or "\0" in path or not Path(path).is_absolute():
            raise ValueError('it has to be absolute, like "/srv/handbook"')
        return str(Path(path).resolve())


class FolderConnector(Connector):
    kind = "folder"
    label = _("Folder")
    summary = _("A folder of the machine Parley runs on, with all folders in it.")
    settings_schema = FolderSettings
    is_listed_first = True

    def __init__(self, config: Mapping[str, Any], credential: str | None, patterns: Patterns) -> None:
        super().__init__(config, credential, patterns)
        assert isinstance(self.config, FolderSettings)
        self.path = Path(self.config.path)
        self._is_led_elsewhere = str(config["path"]) != self.config.path

    @classmethod
    def check(cls, actor: User, config: BaseModel) -> None:
        """Only folders that an administrator allowed, and never Parley's own."""
        assert isinstance(config, FolderSettings)
        folder = Path(config.path)
        if folder.is_relative_to(settings.DATA.root) or Path(settings.DATA.root).is_relative_to(folder):
            raise BadInputError("A folder source must lie outside Parley's own data folder.")
        allowed = [Path(root).resolve() for root in settings.SOURCE_FOLDERS]
        if not actor.holds("knowledge.keep_every_source") and not any(folder.is_relative_to(root) for root in allowed):
            raise BadInputError("This folder may not be read. Ask an administrator to add it to SOURCE_FOLDERS.")
        if not folder.is_dir():
            raise BadInputError("There is no such folder on the machine Parley runs on.")

    def items(self, known: Mapping[str, str]) -> Iterator[Item | LeftOut]:
        if self._is_led_elsewhere:
            raise SourceUnreachableError("The folder has become a link to another one. Links are not followed.")
        if not self.path.is_dir():
            raise SourceUnreachableError("The folder is not there any more.")
        for folder, folders, names in os.walk(self.path, followlinks=False, onerror=self._could_not_look):
            yield from self._not_entered(Path(folder), folders)
            for name in sorted(names):
                file = Path(folder) / name
                key = file.relative_to(self.path).as_posix()
                if self.patterns.admits(key):
                    yield _look_at(file, key)

    def read(self, item: Item) -> Iterator[bytes]:
        try:
            with os.fdopen(_open_without_links(self.path, item.key), "rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise ItemError(f"It cannot be opened: {error.strerror}.") from error

    def _not_entered(self, folder: Path, names: list[str]) -> Iterator[LeftOut]:
        """Take hidden folders and links out of ``names``, so that they are not walked through."""
        names.sort()
        for name in list(names):
            is_hidden = name.startswith(".")
            if is_hidden or (folder / name).is_symlink():
                names.remove(name)
                key = (folder / name).relative_to(self.path).as_posix()
                reason = "It is hidden, with all that is in it." if is_hidden else "It is a link, not a folder."
                yield LeftOut(_printable(f"{key}/"), reason)

    def _could_not_look(self, error: OSError) -> None:
        """A folder that cannot be opened hides its files: they must not be taken for gone."""
        self.is_complete = False


class OneFile(FolderConnector):
    """A single file as ``manage.py ingest`` takes it; nothing else of its folder is looked at."""

    kind = "file"

    def items(self, known: Mapping[str, str]) -> Iterator[Item | LeftOut]:
        self.is_complete = False
        yield Item(key=self.name)

    def __init__(self, file: Path) -> None:
        super().__init__({"path": str(file.parent)}, None, Patterns())
        self.name = file.name


def _look_at(file: Path, key: str) -> Item | LeftOut:
    if file.name.startswith("."):
        return LeftOut(_printable(key), "It is hidden.")
    try:
        status = file.lstat()
    except OSError:
        return Item(_printable(key))  # opening it will say what is the matter
    if not stat.S_ISREG(status.st_mode):
        return LeftOut(_printable(key), "It is a link, not a file.")
    if len(key) > 500:
        return LeftOut(_printable(key), "Its path is longer than 500 characters.")
    if _printable(key) != key:
        return LeftOut(_printable(key), "Its name is not UTF-8.")
    return Item(key, fingerprint=_fingerprint(status))


def _fingerprint(status: os.stat_result) -> str:
    """Size, inode and times: among them the one that no program can set back (ctime), so equal means untouched.

    "" for a file that changed a moment ago, because it may change again within the same tick of the clock.
    """
    if abs(time.time_ns() - status.st_ctime_ns) < _SETTLED_NS or status.st_ctime_ns > time.time_ns():
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


def _printable(key: str) -> str:
    """The key as it can be kept: names that are not UTF-8 hold what no database takes."""
    return key.encode(errors="replace").decode()[:500]


def _open_without_links(root: Path, key: str) -> int:
    """A descriptor of the file, opened step by step from the top. Raises OSError where a step is a link."""
    at = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    parts = [*root.parts[1:], *key.split("/")]
    for number, part in enumerate(parts, 1):
        kind = os.O_DIRECTORY if number < len(parts) else os.O_NONBLOCK
        try:
            step = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=at)
        finally:
            os.close(at)
        at = step
    if not stat.S_ISREG(os.fstat(at).st_mode):
        os.close(at)
        raise OSError(0, "It is not a file")
    return at
