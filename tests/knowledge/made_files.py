"""Files made for the tests of reading, and reading them as Parley does."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from knowledge.extraction.running import extract
from knowledge.extraction.types import Extracted, ExtractionError, Limits

T = TypeVar("T")


def read(tmp_path: Path, name: str, content: bytes | str, limits: Limits | None = None) -> Extracted:
    path = tmp_path / "stored"  # a stored file has no telling name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return extract(path, name, limits)


def reason(tmp_path: Path, name: str, content: bytes | str, limits: Limits | None = None) -> str:
    with pytest.raises(ExtractionError) as caught:
        read(tmp_path, name, content, limits)
    return caught.value.reason


def with_path(monkeypatch: pytest.MonkeyPatch, path: str, do: Callable[[], T]) -> T:
    """What ``do`` gives in a reading process of its own that was started with this PATH."""
    monkeypatch.setenv("PATH", path)
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(do).result()


def zipped(parts: dict[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def saved(document: object) -> bytes:
    """The bytes of anything that can ``save`` itself to a file."""
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def pdf(*pages: Callable[[Canvas], None]) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for page in pages:
        canvas.setFont("Helvetica", 11)
        page(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def lines(*texts: str, x: float = 72, y: float = 700, fall: float = 15) -> Callable[[Canvas], None]:
    """Draws texts under each other on a page."""

    def draw(canvas: Canvas) -> None:
        for index, text in enumerate(texts):
            canvas.drawString(x, y - fall * index, text)

    return draw


def picture(*texts: str, size: tuple[int, int] = (1000, 500)) -> Image.Image:
    """Texts as large black letters on white."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for index, text in enumerate(texts):
        draw.text((50, 50 + 60 * index), text, font=ImageFont.load_default(36), fill="black")
    return image


def stored(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)  # type: ignore[arg-type]
    return out.getvalue()
