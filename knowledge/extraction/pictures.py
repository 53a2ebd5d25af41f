"""Opening pictures without trusting them: what the header declares is checked before anything is unpacked."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from knowledge.extraction.types import ExtractionError

PIXELS = 40_000_000
_KINDS = ("PNG", "JPEG", "TIFF", "WEBP")
Image.MAX_IMAGE_PIXELS = PIXELS


def open_picture(path: Path, page: int = 1) -> Image.Image:
    """The picture on ``page`` (from 1), unpacked. Raises ExtractionError when there is none, or it is too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(path, formats=_KINDS)
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
