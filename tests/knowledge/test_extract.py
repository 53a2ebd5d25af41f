"""Reading files: every format gives one text, and a hostile file gives a reason."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import docx
import openpyxl
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from knowledge.extraction.running import extract
from knowledge.extraction.types import Extracted, ExtractionError, Limits


def read(tmp_path: Path, name: str, content: bytes | str, limits: Limits | None = None) -> Extracted:
    path = tmp_path / "stored"  # a stored file has no telling name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return extract(path, name, limits)


def reason(tmp_path: Path, name: str, content: bytes | str, limits: Limits | None = None) -> str:
    with pytest.raises(ExtractionError) as caught:
        read(tmp_path, name, content, limits)
    return caught.value.reason


def test_markdown_keeps_its_title_headings_and_words(tmp_path: Path) -> None:
    text = (
        '---\ntitle: Leave\nowner: x\n---\n{% alert "Closed on Friday" %}\nSee [the page]({% page "/leave" %}).\n'
        "{% endalert %}\n\nRules\n-----\n\nTake <b>two</b> days.<br>Or three.\n\n```\n{% kept %} <b>\n```\n"
    )
    got = read(tmp_path, "leave.md", text)
    assert got.title == "Leave"
    assert [heading.text for heading in got.headings] == ["Rules"]
    assert "Closed on Friday" in got.text
    assert "See the page." in got.text
    assert "Take two days. Or three." in got.text
    assert "```\n{% kept %} <b>\n```" in got.text
    for heading in got.headings:
        assert got.text[heading.start :].startswith("## Rules")


def test_markdown_with_broken_front_matter_is_read_without_it(tmp_path: Path) -> None:
    got = read(tmp_path, "a.md", "---\ntitle: [\n---\n# Real title\n\nWords.")
    assert got.title == "Real title"
    assert got.notes


def test_html_keeps_the_article_and_drops_the_rest(tmp_path: Path) -> None:
    page = (
        "<html><head><title>Numbers</title><script>alert(1)</script></head><body><nav><a href=/>Home</a></nav>"
        "<main><h1>Emergency</h1><p>Call <b>112</b>.</p><ul><li>Fire<li>Police</ul>"
        "<table><tr><th>Site</th><th>Tel</th></tr><tr><td>Orlenz</td><td>6112</td></tr></table>"
        "<p style='display:none'>hidden words</p></main><footer>©</footer></body></html>"
    )
    got = read(tmp_path, "n.html", page)
    assert got.title == "Numbers"
    assert "# Emergency\n\nCall 112." in got.text
    assert "- Fire\n- Police" in got.text
    assert "| Site | Tel |\n| --- | --- |\n| Orlenz | 6112 |" in got.text
    for gone in ("alert", "Home", "©", "hidden"):
        assert gone not in got.text


def pdf(*pages: str) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for number, page in enumerate(pages, 1):
        canvas.setFont("Helvetica-Bold", 20)
        canvas.drawString(72, 760, f"Part {number}")
        canvas.setFont("Helvetica", 11)
        for index, line in enumerate(page.split("\n")):
            canvas.drawString(72, 720 - 14 * index, line)
        canvas.drawString(72, 40, f"Rates · page {number}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def test_pdf_knows_its_pages_and_headings_and_drops_running_feet(tmp_path: Path) -> None:
    got = read(tmp_path, "rates.pdf", pdf("A car costs 0.38 a kilometre.", "A bicycle costs 0.15."))
    assert len(got.pages) == 2
    assert "0.38" in got.text[slice(*got.pages[0])]
    assert "0.15" in got.text[slice(*got.pages[1])]
    assert [heading.text for heading in got.headings] == ["Part 1", "Part 2"]
    assert "page 1" not in got.text


def test_word_documents_keep_headings_lists_and_tables(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Checklist", 1)
    document.add_paragraph("Before the first day.")
    document.add_paragraph("Order a laptop", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, value in zip([*table.rows[0].cells, *table.rows[1].cells], ["Task", "Who", "Laptop", "IT"], strict=True):
        cell.text = value
    out = io.BytesIO()
    document.save(out)
    got = read(tmp_path, "list.docx", out.getvalue())
    assert got.title == "Checklist"
    assert "- Order a laptop" in got.text
    assert "| Task | Who |\n| --- | --- |\n| Laptop | IT |" in got.text


def test_a_row_of_a_workbook_names_its_columns(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Bands"
    for row in (["Level", "From"], ["H5", 56000]):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    got = read(tmp_path, "bands.xlsx", out.getvalue())
    assert "## Bands" in got.text
    assert "- Level: H5; From: 56000" in got.text


def test_csv_reads_like_a_sheet(tmp_path: Path) -> None:
    assert "- Site: Orlenz; Tel: 6112" in read(tmp_path, "n.csv", "Site;Tel\nOrlenz;6112\n").text


def test_text_in_other_encodings_is_read(tmp_path: Path) -> None:
    assert "Größe" in read(tmp_path, "a.txt", "Größe".encode("cp1252")).text
    assert "Größe" in read(tmp_path, "a.txt", "Größe".encode("utf-16")).text


def test_an_unknown_kind_is_named(tmp_path: Path) -> None:
    assert "cannot read .njk files" in reason(tmp_path, "map.njk", "x")
    assert "cannot read .zip files" in reason(tmp_path, "all.ZIP", b"PK")


def zipped(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), data)
    return out.getvalue()


def test_a_zip_bomb_is_refused_by_what_it_really_unpacks_to(tmp_path: Path) -> None:
    bomb = zipped(word__document_xml=b"0" * 250 * 2**20)
    assert len(bomb) < 2**20
    assert "unpacks to more than 200 MB" in reason(tmp_path, "bomb.docx", bomb)
    assert "unpacks to more than 200 MB" in reason(tmp_path, "bomb.xlsx", bomb)


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha">%s]><w:document
 xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>&z9;</w:t></w:r></w:p>
 </w:body></w:document>"""


def test_expanding_entities_end_with_a_reason(tmp_path: Path) -> None:
    entities = b'<!ENTITY z0 "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">' + b"".join(
        b'<!ENTITY z%d "%s">' % (level, b"&z%d;" % (level - 1) * 10) for level in range(1, 10)
    )
    document = docx.Document()
    document.add_paragraph("x")
    plain = io.BytesIO()
    document.save(plain)
    out = io.BytesIO()
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, LAUGHS % entities if name == "word/document.xml" else old.read(name))
    try:
        assert "hahaha" not in read(tmp_path, "laughs.docx", out.getvalue()).text
    except ExtractionError as error:
        assert error.reason


def test_a_truncated_pdf_is_refused(tmp_path: Path) -> None:
    assert "damaged" in reason(tmp_path, "cut.pdf", pdf("Words.")[:200])


def test_a_pdf_that_unpacks_without_end_does_not_take_the_machine(tmp_path: Path) -> None:
    stream = zlib.compress(b"BT /F1 12 Tf (x) Tj ET\n" * 20_000_000, 9)
    head = b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    page = b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n"
    body = b"4 0 obj<</Length %d/Filter/FlateDecode>>stream\n" % len(stream) + stream + b"\nendstream endobj\n"
    bomb = head + page + body + b"trailer<</Root 1 0 R>>\n%%EOF"
    try:
        got = read(tmp_path, "bomb.pdf", bomb, Limits(cpu_seconds=5, wall_seconds=8))
        assert len(got.text) < 8_000_000
    except ExtractionError as error:
        assert error.reason


def test_a_pdf_with_a_huge_picture_costs_nothing(tmp_path: Path) -> None:
    picture = zlib.compress(bytes(50_000 * 600))
    objects = (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Length 5>>stream\n/I Do\nendstream endobj\n"
        b"5 0 obj<</Type/XObject/Subtype/Image/Width 50000/Height 50000/ColorSpace/DeviceGray/BitsPerComponent 8"
        b"/Filter/FlateDecode/Length %d>>stream\n" % len(picture)
    )
    got = read(tmp_path, "picture.pdf", objects + picture + b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF")
    assert got.text.strip() == ""


def test_reading_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    rows = ("a,b\n" + "x" * 50 + ",y\n") * 40_000
    with pytest.raises(ExtractionError) as caught:
        read(tmp_path, "long.csv", rows, Limits(wall_seconds=0.05))
    assert "longer than" in caught.value.reason
    assert caught.value.may_pass


def test_reading_that_needs_too_much_memory_is_ended(tmp_path: Path) -> None:
    assert "memory" in reason(tmp_path, "big.txt", "word " * 20_000_000, Limits(memory_bytes=150 * 2**20))


def test_after_a_refusal_the_next_file_is_read(tmp_path: Path) -> None:
    reason(tmp_path, "cut.pdf", b"%PDF-1.4 nothing")
    assert read(tmp_path, "a.txt", "Words.").text.strip() == "Words."


def test_the_reading_process_has_no_network(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "from knowledge.extraction.confinement import *\nleave_network(); refuse_outside()\nimport socket\n"
        "try:\n  socket.create_connection(('127.0.0.1', 9))\nexcept ConfinedError as e:\n  print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "refused"
