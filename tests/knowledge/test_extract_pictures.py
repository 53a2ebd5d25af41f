"""Pictures with text: read where Tesseract is installed, and refused with a reason where it is not."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from PIL import Image

from knowledge.extraction.running import draw_page, extract
from knowledge.extraction.types import ExtractionError, Limits
from tests.knowledge.made_files import pdf, picture, read, reason, stored, with_path

HAS_TESSERACT = shutil.which("tesseract") is not None
MISSING = "Tesseract, which is not installed"
SCAN = picture("The emergency number is 6112.", "Call it from any telephone.")


def scanned_page(canvas: object) -> None:
    from reportlab.lib.utils import ImageReader

    canvas.drawImage(ImageReader(SCAN), 40, 300, 500, 250)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.webp", "WEBP"), ("a.tif", "TIFF")])
def test_a_picture_of_text_is_read(tmp_path: Path, name: str, kind: str) -> None:
    if not HAS_TESSERACT:
        assert MISSING in reason(tmp_path, name, stored(SCAN, kind))
        return
    got = read(tmp_path, name, stored(SCAN, kind))
    assert "The emergency number is 6112." in got.text
    assert got.ocr_pages == [1]
    assert got.ocr_confidence is not None
    assert 60 < got.ocr_confidence <= 100
    assert got.media_type == f"image/{kind.lower()}"


def test_the_pages_of_a_tiff_are_its_pages(tmp_path: Path) -> None:
    content = stored(SCAN, "TIFF", save_all=True, append_images=[picture("A second page stands here.")])
    if not HAS_TESSERACT:
        assert MISSING in reason(tmp_path, "fax.tiff", content)
        return
    got = read(tmp_path, "fax.tiff", content)
    assert len(got.pages) == 2
    assert "second page" in got.text[slice(*got.pages[1])]
    assert got.ocr_pages == [1, 2]


def test_light_letters_on_nothing_are_put_on_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", SCAN.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=SCAN.convert("L").point(lambda value: 255 - value))
    if not HAS_TESSERACT:
        assert MISSING in reason(tmp_path, "a.png", stored(clear, "PNG"))
        return
    assert "emergency number" in read(tmp_path, "a.png", stored(clear, "PNG")).text


def test_a_picture_without_text_is_refused(tmp_path: Path) -> None:
    said = reason(tmp_path, "a.png", stored(Image.new("RGB", (300, 300), "white"), "PNG"))
    assert said == "No text can be read in it." if HAS_TESSERACT else MISSING in said


def test_without_tesseract_a_picture_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = with_path(monkeypatch, "/nowhere", lambda: reason(tmp_path, "a.png", stored(SCAN, "PNG")))
    assert MISSING in said


def test_a_scanned_page_among_others_is_read_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = pdf(lambda canvas: canvas.drawString(72, 700, "A page with words of its own."), scanned_page)
    if HAS_TESSERACT:
        got = read(tmp_path, "mixed.pdf", content)
        assert "6112" in got.text[slice(*got.pages[1])]
        assert (got.ocr_pages, got.unread_pages) == ([2], [])
    got = with_path(monkeypatch, "/nowhere", lambda: read(tmp_path, "mixed.pdf", content))
    assert "words of its own" in got.text
    assert (got.ocr_pages, got.unread_pages, got.ocr_confidence) == ([], [2], None)
    assert "(2)" in got.notes[0]
    assert MISSING in got.notes[0]


def test_a_scan_without_tesseract_is_refused_as_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = with_path(monkeypatch, "/nowhere", lambda: reason(tmp_path, "scan.pdf", pdf(scanned_page, scanned_page)))
    assert "It is a scan" in said
    assert MISSING in said


def test_a_language_that_tesseract_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERACT_LANGUAGES", "xxx")
    said = with_path(monkeypatch, os.environ["PATH"], lambda: reason(tmp_path, "a.png", stored(SCAN, "PNG")))
    assert "“xxx”" in said if HAS_TESSERACT else MISSING in said


def test_words_are_marked_in_a_picture_and_on_a_scanned_page(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(stored(SCAN, "PNG"))
    in_picture = draw_page(path, page=1, width=500, marked="number is 6112.").rectangles
    path.write_bytes(pdf(scanned_page))
    on_page = draw_page(path, page=1, width=500, marked="number is 6112.").rectangles
    if not HAS_TESSERACT:
        assert in_picture == on_page == []
        return
    (left, top, right, bottom) = in_picture[0]
    assert 0.25 < left < 0.45 < right < 0.75
    assert 0.08 < top < bottom < 0.25
    assert len(in_picture) == len(on_page) == 1
    assert (842 - 550) / 842 < on_page[0][1] < on_page[0][3] < (842 - 470) / 842


def fake_tesseract(folder: Path, script: str) -> str:
    program = folder / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:/usr/bin:/bin"


def test_a_program_that_never_ends_is_ended_with_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake_tesseract(tmp_path, "cat > /dev/null; sleep 613.25")
    said = with_path(monkeypatch, path, lambda: reason(tmp_path, "a.png", stored(SCAN, "PNG"), Limits(ocr_seconds=1.0)))
    assert said == "Reading it took too long."
    said = with_path(
        monkeypatch, path, lambda: reason(tmp_path, "a.png", stored(SCAN, "PNG"), Limits(wall_seconds=1.0))
    )
    assert "longer than one document may take" in said
    assert not any(b"613.25" in _command(place) for place in Path("/proc").glob("[0-9]*/cmdline"))


def _command(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError:
        return b""


def test_who_can_wait_hears_of_every_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    path = tmp_path / "stored"
    path.write_bytes(pdf(scanned_page, scanned_page, scanned_page))
    if HAS_TESSERACT:
        assert extract(path, "scan.pdf", while_waiting=lambda: heard.append(1)).ocr_pages == [1, 2, 3]
        assert heard
    script = "cat > /dev/null; for i in 1 2 3 4 5 6 7 8 9 10 11; do printf '5\\t'; done; echo; sleep 0.2"
    path_with_fake = fake_tesseract(tmp_path, script)
    with pytest.raises(ExtractionError, match="text"):
        with_path(
            monkeypatch,
            path_with_fake,
            lambda: extract(_png(tmp_path), "a.png", while_waiting=lambda: heard.append(2)),
        )
    assert 2 in heard


def _png(tmp_path: Path) -> Path:
    path = tmp_path / "picture"
    path.write_bytes(stored(SCAN, "PNG"))
    return path
