"""Pictures: opened without trusting them, and read where Tesseract is installed.

What the header declares is checked before anything is unpacked.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from knowledge.extraction.ocr import MISSING, SURROUNDINGS, Ocr, paragraphs
from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.writing import Writer

PIXELS = 40_000_000
_KINDS = ("PNG", "JPEG", "TIFF", "WEBP")
Image.MAX_IMAGE_PIXELS = PIXELS


def open_picture(path: Path, page: int = 1, kinds: tuple[str, ...] = _KINDS) -> Image.Image:
    """The picture on ``page`` (from 1), unpacked. Raises ExtractionError when there is none, or it is too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(path, formats=kinds)
            check_size(picture)
            if page > 1 or page < 1:
                picture.seek(page - 1)
                check_size(picture)
            picture.load()
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ExtractionError(_too_large()) from error
        except EOFError as error:
            raise ExtractionError(f"It has no page {page}.") from error
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            raise ExtractionError("It is damaged, or no picture that Parley can open.") from error
    return picture


def check_size(picture: Image.Image) -> None:
    if picture.width * picture.height > PIXELS:
        raise ExtractionError(_too_large())


def _too_large() -> str:
    return f"The picture has more than {PIXELS // 1_000_000} million pixels."


def read(path: Path, limits: Limits) -> Extracted:
    """The text in a picture, page by page where it has several (TIFF)."""
    writer, ocr = Writer(limits), Ocr(limits)
    picture = open_picture(path)
    media_type = Image.MIME[picture.format or "PNG"]
    if not ocr.is_there:
        raise ExtractionError(f"It is a picture: reading the text in it takes Tesseract, {MISSING}.")
    count = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
    if count > limits.pages:
        raise ExtractionError(f"It has {count:,} pages; the most that Parley reads is {limits.pages:,}.")
    for page in range(1, count + 1):
        start = writer.position
        write_scan(page, partial(_page, path, page), writer, ocr)
        if count > 1:
            writer.end_page(start)
    writer.ocr_confidence = ocr.confidence
    tell_unread(writer)
    if not writer.position:
        raise ExtractionError("No text can be read in it." if writer.ocr_pages else "Reading it took too long.")
    return writer.extracted(title="", media_type=media_type)


def _page(path: Path, page: int) -> Image.Image:
    """A page, turned as the camera says that it was held."""
    return ImageOps.exif_transpose(open_picture(path, page))


def write_scan(page: int, draw: Callable[[], Image.Image], writer: Writer, ocr: Ocr) -> None:
    """Write the text of a page that is a picture, or note that it could not be read."""
    words = ocr.words(draw()) if ocr.is_there and ocr.has_time else None
    if words is None:
        writer.unread_pages.append(page)
        return
    writer.ocr_pages.append(page)
    for paragraph in paragraphs(words):
        writer.block(paragraph)


def tell_unread(writer: Writer) -> None:
    """Say in a note how many scanned pages were not read, and why."""
    if not writer.unread_pages:
        return
    pages = ", ".join(str(page) for page in writer.unread_pages[:20])
    more = "" if len(writer.unread_pages) <= 20 else f" and {len(writer.unread_pages) - 20} more"
    why = "reading all its pictures takes too long" if SURROUNDINGS.program else f"that takes Tesseract, {MISSING}"
    writer.notes.append(f"Scanned pages were not read ({pages}{more}): {why}.")
