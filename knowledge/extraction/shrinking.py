"""A picture made smaller, from its pixels alone.

For pictures that go to a model or into a page: what stands in the file beside the pixels (where and when it was taken,
by whom, a preview of what was cut away) stays behind, because the new file is made from nothing else.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from knowledge.extraction.pictures import open_picture
from knowledge.extraction.types import Picture

KINDS = ("PNG", "JPEG", "WEBP", "GIF")
_QUALITY = 86


def shrink(path: Path, sides: Sequence[int]) -> list[Picture]:
    """The picture (of an animation the first one) for each of ``sides``, the most pixels on its longer side.

    Raises ExtractionError when it is none, or too large.
    """
    picture = open_picture(path, kinds=KINDS)
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if "transparency" in picture.info or "A" in picture.mode else "RGB")
    picture.thumbnail((max(sides), max(sides)))
    picture = _on_white(ImageOps.exif_transpose(picture))
    return [_as_jpeg(picture, side) for side in sides]


def _on_white(picture: Image.Image) -> Image.Image:
    """A new picture, so that nothing of the old one but its pixels is in it."""
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
    return paper


def _as_jpeg(picture: Image.Image, side: int) -> Picture:
    small = picture.copy()
    small.thumbnail((side, side))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return Picture(out.getvalue(), small.width, small.height)
