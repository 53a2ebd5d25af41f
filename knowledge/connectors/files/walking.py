"""What all file systems share: going through folders, telling whether a file changed, and reading it in pieces.

The libraries below each fail in their own way; here all of that becomes a sentence for the person who keeps the source.
"""

from __future__ import annotations

import re
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from knowledge.connectors.base import Connector, Item, ItemError, LeftOut, SourceUnreachableError
from knowledge.extraction.formats import format_of
from knowledge.extraction.types import ExtractionError
from knowledge.fetching.errors import FetchError, TooMuchError

LONGEST = 500
DEEPEST = 30
MOST_FILES = 100_000
_PIECE = 1 << 20
_SIGNS = ("ETag", "etag", "md5Hash", "content_md5")
_TIMES = ("LastModified", "last_modified", "mtime", "modified", "modify", "updated", "last_write_time")
_NO_ENTRY = re.compile(r"\b(?:401|403|530|STATUS_LOGON_FAILURE|STATUS_ACCESS_DENIED)\b")
_ARCHIVED = ("GLACIER", "DEEP_ARCHIVE", "Archive")


@dataclass(frozen=True)
class Opened:
    """A file system, and the path in it where the source begins.

    ``close`` ends its connections. ``fetch`` hands over a whole file piece by piece, where the file system cannot be
    trusted to read parts of one.
    """

    system: Any
    root: str
    close: Callable[[], object] = lambda: None
    fetch: Callable[[str, Callable[[bytes], object]], object] | None = None


class FilesystemConnector(Connector):
    """Walks one file system of fsspec, folder by folder."""

    is_listed_first = True
    _opened: Opened | None = None

    @abstractmethod
    def open(self) -> Opened:
        """Connect. May raise anything; ``why`` puts it into words."""

    def place(self) -> str:
        """What is looked into, for messages."""
        return "the folder"

    def items(self, known: Mapping[str, str]) -> Iterator[Item | LeftOut]:
        self._paths: dict[str, str] = {}
        try:
            opened = self._connected()
            first = self._entries(opened, opened.root)
        except Exception as error:  # every library has errors of its own
            raise SourceUnreachableError(why(error, self.place())) from error
        for entry in self._walk(opened, first, 0):
            if self.patterns.admits(entry.key):
                yield entry

    def read(self, item: Item) -> Iterator[bytes]:
        opened = self._connected()
        path = self._paths.get(item.key) or f"{opened.root.rstrip('/')}/{item.key}"
        try:
            with self._file_of(opened, path) as file:
                while piece := file.read(_PIECE):
                    yield bytes(piece)
        except Exception as error:  # every library has errors of its own
            raise ItemError(why(error, "the file")) from error

    @contextmanager
    def _file_of(self, opened: Opened, path: str) -> Iterator[Any]:
        if opened.fetch is None:
            with opened.system.open(path, "rb", **self.reading()) as file:
                yield file
            return
        with tempfile.TemporaryFile() as whole:
            opened.fetch(path, _up_to(settings.UPLOAD_MAX_BYTES, whole.write))
            whole.seek(0)
            yield whole

    def reading(self) -> dict[str, Any]:
        """How files are opened, where that needs saying."""
        return {}

    def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened:
            with suppress(Exception):  # it is over in any case
                opened.close()

    def _connected(self) -> Opened:
        if self._opened is None:
            self._opened = self.open()
        return self._opened

    def _entries(self, opened: Opened, path: str) -> list[dict[str, Any]]:
        """What lies in a folder, looked at anew, by name."""
        opened.system.invalidate_cache()
        return sorted(opened.system.ls(path, detail=True), key=lambda entry: str(entry["name"]))

    def _walk(self, opened: Opened, entries: list[dict[str, Any]], depth: int) -> Iterator[Item | LeftOut]:
        for entry in entries:
            key = _key(str(entry["name"]), opened.root)
            if not key:
                continue
            if entry.get("type") != "directory":
                yield self._file(entry, key)
            elif depth >= DEEPEST:
                self.is_complete = False
                yield LeftOut(f"{key}/"[:LONGEST], f"Its folder lies more than {DEEPEST} folders deep.")
            else:
                yield from self._folder(opened, entry, key, depth)

    def _folder(self, opened: Opened, entry: dict[str, Any], key: str, depth: int) -> Iterator[Item | LeftOut]:
        if key.rpartition("/")[2].startswith("."):
            yield LeftOut(f"{key}/"[:LONGEST], "It is hidden, with all that is in it.")
            return
        if len(self._paths) >= MOST_FILES:
            self.is_complete = False
            return
        try:
            below = self._entries(opened, str(entry["name"]))
        except Exception as error:  # noqa: BLE001 - every library has errors of its own
            self.is_complete = False
            yield LeftOut(f"{key}/"[:LONGEST], why(error, "the folder"))
            return
        yield from self._walk(opened, below, depth + 1)

    def _file(self, entry: dict[str, Any], key: str) -> Item | LeftOut:
        if reason := _reason_against(entry, key):
            return LeftOut(key.encode("utf-8", "replace").decode()[:LONGEST], reason)
        self._paths[key] = str(entry["name"])
        return Item(key, key.rpartition("/")[2], fingerprint_of(entry), self.page(key))

    def page(self, key: str) -> str:
        """Where people can open a file in the browser; "" when nowhere."""
        return ""


def _up_to(most: int, write: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """``write``, which raises TooMuchError after so many bytes."""
    left = most

    def bounded(piece: bytes) -> None:
        nonlocal left
        left -= len(piece)
        if left < 0:
            raise TooMuchError(f"It is larger than {most // 1_000_000} MB.")
        write(piece)

    return bounded


def fingerprint_of(entry: Mapping[str, Any]) -> str:
    """An etag or checksum where the place gives one, else size and time; "" when neither tells anything."""
    for name in _SIGNS:
        if isinstance(value := entry.get(name), str) and value.strip('"'):
            return f"{value.strip(chr(34))[:120]} {entry.get('size', '')}"
    for name in _TIMES:
        if value := entry.get(name):
            said = value.isoformat() if isinstance(value, datetime) else str(value)
            return f"{entry.get('size', '')} {said}"[:200]
    return ""


def why(error: BaseException, place: str) -> str:
    """A library's error as a sentence; what we refused ourselves is found wherever it is wrapped."""
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, FetchError):
            return cause.reason
    words = " ".join(str(error).split())[:200].rstrip(".")
    if isinstance(error, FileNotFoundError):
        return f"There is no such place: {place} is not there."
    if isinstance(error, PermissionError) or "Authentication" in type(error).__name__ or _NO_ENTRY.search(words):
        return f"The server does not let Parley in: {words or 'no right'}. Check the credential."
    if any(isinstance(cause, TimeoutError) for cause in chain):
        return "The server does not answer in time."
    return f"The server says: {words or type(error).__name__}."


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        wrapped = getattr(current, "kwargs", None)
        waiting += [current.__cause__, current.__context__, wrapped.get("error") if isinstance(wrapped, dict) else None]


def _key(name: str, root: str) -> str:
    """A path below the root; "" for what does not lie there."""
    path, base = name.strip("/"), root.strip("/")
    if not base:
        return path
    return path[len(base) + 1 :] if path.startswith(f"{base}/") else ""


def _reason_against(entry: Mapping[str, Any], key: str) -> str:
    if entry.get("type", "file") not in ("file", "other"):
        return "It is a link, not a file."
    if not key.isprintable() or ".." in key.split("/"):
        return "Its name is not printable."
    if key.rpartition("/")[2].startswith("."):
        return "It is hidden."
    if len(key) > LONGEST:
        return f"Its path is longer than {LONGEST} characters."
    if str(entry.get("StorageClass", "")) in _ARCHIVED:
        return "It is in an archive that has to be asked to bring it back first."
    if (entry.get("size") or 0) > settings.UPLOAD_MAX_BYTES:
        return f"It is larger than {settings.UPLOAD_MAX_BYTES // 1_000_000} MB."
    try:
        format_of(key)
    except ExtractionError as error:
        return error.reason
    return ""
