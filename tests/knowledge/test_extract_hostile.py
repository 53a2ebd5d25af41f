"""Hostile files: each ends with a reason, in bounded time and memory, and the next file is read."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest
from pptx import Presentation
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from knowledge.extraction.formats import FORMATS
from knowledge.extraction.types import ExtractionError, Limits
from tests.knowledge.made_files import lines, pdf, read, reason, saved, zipped

ARCHIVES = (".docx", ".pptx", ".xlsx", ".odt", ".epub")


@pytest.fixture(autouse=True)
def the_next_file_is_read(tmp_path: Path) -> Iterator[None]:
    yield
    assert read(tmp_path, "next.txt", "The next file.").text.strip() == "The next file."


def test_a_reader_may_use_half_a_gigabyte_and_half_a_minute() -> None:
    """What the tests below rely on: the kernel holds a reader to its limits, so that none needs to be measured."""
    assert Limits().memory_bytes <= 512 * 2**20
    assert max(Limits().wall_seconds, Limits().ocr_seconds + 10) < 30


@pytest.mark.parametrize("ending", ARCHIVES)
def test_an_archive_is_refused_by_what_it_really_unpacks_to(tmp_path: Path, ending: str) -> None:
    bomb = zipped({"word/document.xml": b"0" * 250 * 2**20})
    assert len(bomb) < 2**20
    assert "unpacks to more than 200 MB" in reason(tmp_path, f"bomb{ending}", bomb)


@pytest.mark.parametrize("ending", ARCHIVES)
def test_an_archive_of_very_many_parts_is_refused(tmp_path: Path, ending: str) -> None:
    parts: dict[str, bytes | str] = {f"part{number}": b"" for number in range(10_001)}
    assert "more than 10,000 parts" in reason(tmp_path, f"many{ending}", zipped(parts))


@pytest.mark.parametrize("ending", ARCHIVES)
@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 nothing", zipped({"a": "b"}), zipped({"a": "b" * 999})[:60]],
    ids=["empty", "rubbish", "other parts", "cut"],
)
def test_a_damaged_archive_is_refused(tmp_path: Path, ending: str, content: bytes) -> None:
    assert "damaged" in reason(tmp_path, f"broken{ending}", content)


@pytest.mark.parametrize("ending", [".docx", ".pptx", ".xlsx"])
def test_office_files_with_a_password_are_named(tmp_path: Path, ending: str) -> None:
    assert "password" in reason(tmp_path, f"secret{ending}", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4000))


def test_encrypted_archives_are_named(tmp_path: Path) -> None:
    content = bytearray(zipped({"content.xml": "<a/>"}))
    for at in (content.find(b"PK\x03\x04") + 6, content.find(b"PK\x01\x02") + 8):
        content[at] |= 1
    for ending in ARCHIVES:
        assert "password" in reason(tmp_path, f"secret{ending}", bytes(content))
    manifest = '<m:manifest xmlns:m="x"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>'
    content_odt = zipped({"META-INF/manifest.xml": manifest, "content.xml": b"\x00"})
    assert "password" in reason(tmp_path, "secret.odt", content_odt)


def test_a_pdf_with_a_password_is_named(tmp_path: Path) -> None:
    out = io.BytesIO()
    canvas = Canvas(out, encrypt=StandardEncryption("user", "owner"))
    canvas.drawString(72, 700, "Secret.")
    canvas.save()
    assert reason(tmp_path, "secret.pdf", out.getvalue()) == "It is protected with a password."


ENTITIES = [f'<!ENTITY z{level + 1} "{f"&z{level};" * 10}">' for level in range(8)]
LAUGHS = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY z0 "ha">{"".join(ENTITIES)}]>'


def replaced(archive: bytes, name: str, content: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.namelist():
            new.writestr(part, content if part == name else old.read(part))
    return out.getvalue()


CONTAINER = '<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>'
PACKAGE = (
    '<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="a"/></spine></package>'
)


def laughing(ending: str) -> bytes:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = f'<w:document xmlns:w="{word}"><w:body><w:p><w:r><w:t>&z8;</w:t></w:r></w:p></w:body></w:document>'
    if ending == ".docx":
        return replaced(saved(docx.Document()), "word/document.xml", LAUGHS + body)
    if ending == ".odt":
        return zipped({"content.xml": f"{LAUGHS}<a>&z8;</a>"})
    if ending == ".opf":
        return zipped({"META-INF/container.xml": CONTAINER, "b.opf": f"{LAUGHS}<package>&z8;</package>"})
    page = f"{LAUGHS}<html><body><p>&z8;</p></body></html>"
    return zipped({"META-INF/container.xml": CONTAINER, "b.opf": PACKAGE, "a.xhtml": page})


@pytest.mark.parametrize("kind", [".docx", ".odt", ".opf", ".epub"])
def test_entities_are_never_expanded(tmp_path: Path, kind: str) -> None:
    try:
        got = read(tmp_path, f"laughs{kind.replace('opf', 'epub')}", laughing(kind))
        assert "haha" not in got.text
        assert len(got.text) < 10_000
    except ExtractionError as error:
        assert error.reason


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (9_000, 9_000)])
def test_a_picture_of_too_many_pixels_is_refused_by_its_header(tmp_path: Path, width: int, height: int) -> None:
    assert "million pixels" in reason(tmp_path, "huge.png", png_header(width, height))


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tiff", ".webp"])
@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00", b"GIF89a" + bytes(100), png_header(20, 20)[:-30]])
def test_what_is_no_picture_is_refused(tmp_path: Path, ending: str, content: bytes) -> None:
    assert reason(tmp_path, f"broken{ending}", content)


def test_a_pdf_of_very_many_pages_is_refused(tmp_path: Path) -> None:
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 10_003))
    pages = b"".join(
        b"%d 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n" % number for number in range(3, 10_003)
    )
    content = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids["
        + kids
        + b"]/Count 10000>>endobj\n"
        + pages
        + b"trailer<</Root 1 0 R>>\n%%EOF"
    )
    assert reason(tmp_path, "long.pdf", content) == "It has 10,000 pages; the most that Parley reads is 3,000."


def test_a_pdf_that_claims_pages_it_does_not_have_ends(tmp_path: Path) -> None:
    content = pdf(lines("Words.")).replace(b"/Count 1", b"/Count 9")
    try:
        assert read(tmp_path, "a.pdf", content).text.strip() in ("", "Words.")
    except ExtractionError as error:
        assert error.reason


def test_forms_within_forms_without_end_are_read_to_an_end(tmp_path: Path) -> None:
    content = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Length 5>>stream\n/F Do\nendstream endobj\n"
        b"5 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>/Length 11>>stream\n"
        b"/F Do /F Do\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )
    try:
        assert read(tmp_path, "a.pdf", content).text.strip() == ""
    except ExtractionError as error:
        assert error.reason


@pytest.mark.parametrize(
    "content",
    [
        "<div>" * 100_000 + "Words.",
        "<ul><li>" * 20_000 + "Words.",
        "<table><tr><td>" * 5_000 + "Words.",
        "<b>" * 50_000 + "Words." + "</b>" * 50_000,
        "<table><tr>" + "<td colspan=9999 rowspan=9999>x" * 2_000 + "</table>",
        "<!DOCTYPE html [" + '<!ENTITY a "b">' * 10_000 + "]><p>Words.",
    ],
)
def test_html_nested_without_sense_ends(tmp_path: Path, content: str) -> None:
    try:
        assert len(read(tmp_path, "deep.html", content).text) < 8_000_000
    except ExtractionError as error:
        assert error.reason


@pytest.mark.parametrize(
    "content",
    [
        "<!--" * 30_000,
        "{% " * 5_000,
        "<p hidden>" * 20_000,
        "{{" * 10_000,
        "<table>" * 20_000,
        "> " * 50_000 + "Words.",
        "- " * 50_000 + "Words.",
        "[" * 50_000,
    ],
)
def test_markdown_without_sense_ends(tmp_path: Path, content: str) -> None:
    try:
        read(tmp_path, "deep.md", content)
    except ExtractionError as error:
        assert error.reason


def test_rtf_of_unbalanced_braces_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    assert "Words" in read(tmp_path, "open.rtf", "{\\rtf1 Words" + "{" * 100_000).text
    assert "Words" in read(tmp_path, "closed.rtf", "{\\rtf1 Words" + "}" * 100_000).text


@pytest.mark.parametrize(
    "content", ["", "no rtf", "{\\rtf1\\u}", "{\\rtf1\\bin99999999999 x}", "{\\rtf1 " + "\\v" * 10_000, "{\\rtf1\\'"]
)
def test_rtf_without_sense_ends(tmp_path: Path, content: str) -> None:
    try:
        read(tmp_path, "bad.rtf", content)
    except ExtractionError as error:
        assert error.reason


def test_a_mail_of_very_many_parts_is_refused(tmp_path: Path) -> None:
    parts = "--b\nContent-Type: text/plain\n\nx\n" * 10_000
    content = f"Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n"
    assert reason(tmp_path, "many.eml", content) == "It holds more than 1,000 parts."
    bare = content.replace("Content-Type: text/plain\n", "")
    assert "1,000 parts" in reason(tmp_path, "many.eml", bare)


def test_mails_within_mails_without_end_are_refused(tmp_path: Path) -> None:
    assert reason(tmp_path, "deep.eml", "Subject: x\nContent-Type: message/rfc822\n\n" * 900 + "Words.")
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n" for level in range(900))
    assert reason(tmp_path, "deep.eml", f"Subject: x\nMIME-Version: 1.0\n{deep}\nWords.")


@pytest.mark.parametrize(
    "head",
    [
        "Subject: =?utf-8?b?####?=",
        "Subject: =?nonsense?q?x?=",
        "From: " + "<" * 5_000,
        "Date: " + "9" * 5_000,
        "Content-Type: text/plain; charset=nonsense",
        "Content-Type: text/plain; charset*0*=x'y'z; charset*9=" + "a" * 999,
        "Content-Transfer-Encoding: base64",
        "X: y\r\n" * 20_000 + "Z: x",
    ],
)
def test_a_mail_with_a_broken_head_is_read_or_refused(tmp_path: Path, head: str) -> None:
    try:
        assert "words" in read(tmp_path, "a.eml", f"{head}\nTo: a@example.org\n\nSome words.\n").text.lower() or head
    except ExtractionError as error:
        assert error.reason


def test_slides_that_name_themselves_without_end_end(tmp_path: Path) -> None:
    show = Presentation()
    show.slides.add_slide(show.slide_layouts[0])
    group = '<p:grpSp xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main">'
    group += "<p:nvGrpSpPr><p:cNvPr id='9' name='g'/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>"
    with zipfile.ZipFile(io.BytesIO(saved(show))) as archive:
        slide = archive.read("ppt/slides/slide1.xml").decode()
    deep = slide.replace("</p:spTree>", group * 200 + "</p:grpSp>" * 200 + "</p:spTree>")
    try:
        read(tmp_path, "deep.pptx", replaced(saved(show), "ppt/slides/slide1.xml", deep))
    except ExtractionError as error:
        assert error.reason


@pytest.mark.parametrize("ending", sorted(FORMATS))
@pytest.mark.parametrize("content", [b"", b"\x00" * 5_000, b"\xff\xfe\xfd" * 5_000, b"%PDF-1.7\n" + b"<" * 9_000])
def test_rubbish_under_any_name_is_read_or_refused(tmp_path: Path, ending: str, content: bytes) -> None:
    try:
        assert len(read(tmp_path, f"rubbish{ending}", content).text) < 100_000
    except ExtractionError as error:
        assert error.reason
        assert "broke" not in error.reason


def test_a_reader_may_start_one_command_and_no_other() -> None:
    code = (
        "import subprocess, sys\n"
        "from knowledge.extraction.confinement import ConfinedError, refuse_outside\n"
        "from knowledge.extraction.ocr import Program\n"
        "refuse_outside(Program(('/bin/echo', 'allowed'), (('LANG', 'C'),)))\n"
        "for command, env in ((['/bin/echo', 'allowed'], {'LANG': 'C'}), (['/bin/echo', 'other'], {'LANG': 'C'}),\n"
        "                     (['/bin/sh', '-c', 'echo no'], {'LANG': 'C'}),\n"
        "                     (['/bin/echo', 'allowed'], {'LD_PRELOAD': 'x'})):\n"
        "    try:\n"
        "        print(subprocess.run(command, env=env, capture_output=True, text=True).stdout.strip())\n"
        "    except ConfinedError:\n"
        "        print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["allowed", "refused", "refused", "refused"]
