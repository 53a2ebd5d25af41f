"""PDF text: pages a second and how much of the words come out right, against pypdf on the same files.

The files are made here, of prose, headings and a table, so that what should come out is known to the word.
"""

from __future__ import annotations

import itertools
import random
import re
import tempfile
import time
from pathlib import Path

import pypdf
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Table

from app.demo.company import FOLDER
from bench.harness import Goal, Row, interleaved
from knowledge.extraction.pdf import read
from knowledge.extraction.types import Limits

PAGES = 40
_WORD = re.compile(r"[a-z]{2,}")


def rows() -> list[Row]:
    """Both readers in this process, without the confinement that Parley reads strangers' files in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "handbook.pdf"
        written = make_pdf(path)
        texts: dict[str, str] = {}

        def ours() -> float:
            begun = time.monotonic()
            texts["ours"] = read(path, Limits()).text
            return PAGES / (time.monotonic() - begun)

        def theirs() -> float:
            begun = time.monotonic()
            texts["pypdf"] = "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
            return PAGES / (time.monotonic() - begun)

        speeds = interleaved({"ours": ours, "pypdf": theirs})
    return [
        Row("PDF text", speeds["ours"], "pages/s", "pypdf", speeds["pypdf"], Goal("ratio", 10, at_least=True)),
        Row(
            "PDF text, words in their order",
            [kept(written, texts["ours"])],
            "of 1",
            "pypdf",
            [kept(written, texts["pypdf"])],
        ),
    ]


def make_pdf(path: Path) -> str:
    """A PDF of PAGES pages from the demo company's sentences; returns the words that were put on them."""
    lines = [
        line.strip("-# ").replace("*", "")
        for page in sorted((FOLDER / "everyone").glob("*.md"))
        for line in page.read_text().splitlines()
        if len(line) > 60 and "|" not in line and "[" not in line and "<" not in line
    ]
    chance = random.Random(7)
    styles = getSampleStyleSheet()
    story: list[Flowable] = []
    written: list[str] = []
    for number in range(PAGES):
        heading = f"Chapter {number + 1} of the handbook"
        chosen = chance.sample(lines, 12)
        cells = [["Kind", "Days", "Note"], *([f"Leave {row}", str(row * 3), "as agreed"] for row in range(1, 5))]
        story += [Paragraph(heading, styles["Heading1"]), *(Paragraph(line, styles["BodyText"]) for line in chosen)]
        story += [Table(cells), PageBreak()]
        written += [heading, *chosen, *(" ".join(row) for row in cells)]
    SimpleDocTemplate(str(path), pagesize=A4).build(story)
    return " ".join(written)


def kept(written: str, read_back: str) -> float:
    """The part of neighbouring word pairs that came out as neighbours."""
    expected, found = _pairs(written), _pairs(read_back)
    return sum(pair in found for pair in expected) / len(expected)


def _pairs(text: str) -> set[tuple[str, str]]:
    words = _WORD.findall(text.lower())
    return set(itertools.pairwise(words))
