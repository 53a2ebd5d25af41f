"""Pages as they look: drawn in the confined process, kept for a while, and where the cited words stand on them.

A picture is kept under the version's digest, page and width, so that a page is drawn once for all its readers; whether
somebody may see it is asked each time, before this is called. The oldest pictures go when there are too many.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLongError
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.cache import cache

from app.errors import NotFoundError, UnavailableError
from knowledge.extraction.running import draw_page
from knowledge.extraction.types import DrawnPage, ExtractionError
from knowledge.files import path_of
from knowledge.models import Version
from knowledge.viewing.parts import page_of
from knowledge.viewing.rendering import Span

WIDTHS = (720, 1080, 1600)
MEASURED = 1080
MOST_BYTES = 256 * 2**20
_WAIT_SECONDS = 20.0
_KEPT_SECONDS = 7 * 24 * 3600
# Drawing costs a processor and memory: two at a time, whoever asks, each thread with a reading process of its own.
_drawers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="drawing")
_places = threading.BoundedSemaphore(12)  # those at work and those that wait


class CannotDrawError(UnavailableError):
    """A page has no picture; ``message`` says why. Its text can still be read."""

    code = "cannot_draw"
    retry = False


@dataclass(frozen=True)
class Rectangle:
    """A marked line of a page, in fractions of the page from its left upper corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Look:
    """How page ``number`` of ``count`` looks: its size in pixels and where the cited words are."""

    number: int
    count: int
    width: int
    height: int
    rectangles: list[Rectangle]

    @property
    def before(self) -> int:
        """The page before, 0 when this is the first."""
        return self.number - 1

    @property
    def after(self) -> int:
        """The page after, 0 when this is the last."""
        return self.number + 1 if self.number < self.count else 0


def has_pictures(version: Version) -> bool:
    """Whether the version's pages can be shown as they look."""
    is_pdf = version.media_type == "application/pdf" and bool(version.pages)
    return is_pdf or version.media_type.startswith("image/")


def page_count(version: Version) -> int:
    return max(len(version.pages), 1)


def look_of(version: Version, page: int, span: Span) -> Look:
    """The size of a page and the rectangles of ``span`` on it. Raises CannotDrawError."""
    marked, nth = _words_on(version, page, span)
    name = hashlib.sha256(f"{version.sha256} {page} {nth} {marked}".encode()).hexdigest()
    key = f"page-look:{name}"
    kept = cache.get(key)
    if kept is None:
        drawn = _draw(version, page, MEASURED, marked, nth)
        kept = (drawn.width, drawn.height, drawn.rectangles)
        cache.set(key, kept, _KEPT_SECONDS)
    width, height, rectangles = kept
    boxes = [Rectangle(left, top, right - left, bottom - top) for left, top, right, bottom in rectangles]
    return Look(page, page_count(version), width, height, boxes)


def picture_of(version: Version, page: int, width: int) -> bytes:
    """The page as a PNG, about ``width`` pixels wide. Raises NotFoundError without such a page, CannotDrawError."""
    if not has_pictures(version) or not 1 <= page <= page_count(version):
        raise NotFoundError
    width = next((one for one in WIDTHS if one >= width), WIDTHS[-1])
    path = _place(version, page, width)
    with contextlib.suppress(FileNotFoundError):
        os.utime(path)  # what is looked at stays
        return path.read_bytes()
    return _draw(version, page, width).png


def _words_on(version: Version, page: int, span: Span) -> tuple[str, int]:
    """The marked words when they stand on this page, and how often they occur on it before."""
    start, end = span
    if page_of(version, start) != page:
        return "", 0
    marked = version.text[start:end]
    return marked, version.text.count(marked, version.pages[page - 1][0], start)


def _draw(version: Version, page: int, width: int, marked: str = "", nth: int = 0) -> DrawnPage:
    path = path_of(version.file)
    if not path.is_file():
        raise CannotDrawError("The original file is not kept any more.")
    if not _places.acquire(blocking=False):
        raise CannotDrawError("Too many pages are being drawn just now.")
    work = _drawers.submit(draw_page, path, page=page, width=width, marked=marked, nth=nth)
    work.add_done_callback(lambda _: _places.release())
    try:
        drawn = work.result(timeout=_WAIT_SECONDS)
    except ExtractionError as error:
        raise CannotDrawError(error.reason) from error
    except TookTooLongError as error:
        work.cancel()
        raise CannotDrawError("Drawing it takes too long just now.") from error
    _keep(_place(version, page, width), drawn.png)
    return drawn


def _place(version: Version, page: int, width: int) -> Path:
    return Path(settings.FILES_ROOT) / "drawn" / f"{version.sha256}-{page}-{width}.png"


def _keep(path: Path, png: bytes) -> None:
    """Write a picture whole or not at all, and make room for it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    handle, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(png)
    Path(draft).replace(path)
    _make_room(path.parent)


def _make_room(folder: Path) -> None:
    """Remove the pictures that were not looked at for longest until they take up at most MOST_BYTES."""
    found: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process makes room as well
            stat = path.stat()
            found.append((stat.st_mtime, stat.st_size, path))
    size = sum(one[1] for one in found)
    for _, bytes_of_it, path in sorted(found):
        if size <= MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        size -= bytes_of_it
