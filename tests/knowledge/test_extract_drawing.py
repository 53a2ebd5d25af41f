"""Drawing a page and marking a text on it: what is marked is where the text stands."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from knowledge.extraction.running import draw_page, extract
from knowledge.extraction.types import DrawnPage, ExtractionError

WIDTH, HEIGHT = A4
Rectangle = tuple[float, float, float, float]


def made(tmp_path: Path, *draw: Callable[[Canvas], None]) -> Path:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for page in draw:
        canvas.setFont("Helvetica", 12)
        page(canvas)
        canvas.showPage()
    canvas.save()
    path = tmp_path / "stored"
    path.write_bytes(out.getvalue())
    return path


def lines(*texts: str, x: float = 72, y: float = 700) -> Callable[[Canvas], None]:
    def draw(canvas: Canvas) -> None:
        for index, text in enumerate(texts):
            canvas.drawString(x, y - 15 * index, text)

    return draw


def is_around(rectangle: Rectangle, x: float, baseline: float, width: float, height: float = HEIGHT) -> bool:
    """Whether a rectangle covers text that begins at ``x`` on ``baseline``, in points from the lower corner."""
    left, top, right, bottom = rectangle
    return (
        abs(left * width - x) < 3
        and (1 - bottom) * height < baseline + 1 < (1 - top) * height
        and 4 < (bottom - top) * height < 16
        and right > left
    )


def darkness(page: DrawnPage, rectangle: Rectangle) -> float:
    """The share of dark pixels inside a rectangle."""
    picture = Image.open(io.BytesIO(page.png)).convert("L")
    left, top, right, bottom = rectangle
    part = picture.crop(
        (int(left * page.width), int(top * page.height), int(right * page.width) + 1, int(bottom * page.height) + 1)
    )
    return sum(part.histogram()[:128]) / (part.width * part.height)


def test_a_page_is_drawn_as_wide_as_asked(tmp_path: Path) -> None:
    page = draw_page(made(tmp_path, lines("Hello.")), page=1, width=600)
    assert Image.open(io.BytesIO(page.png)).size == (page.width, page.height) == (600, 849)
    assert page.rectangles == []
    assert draw_page(tmp_path / "stored", page=1, width=90_000).width == 2000


def test_a_text_on_one_line_is_marked(tmp_path: Path) -> None:
    page = draw_page(made(tmp_path, lines("First words.", "A car costs 0.38 €.")), page=1, width=800, marked="0.38")
    (rectangle,) = page.rectangles
    assert is_around(rectangle, 72 + 64, 685, WIDTH)
    assert darkness(page, rectangle) > 0.1


def test_a_text_over_three_lines_has_three_rectangles(tmp_path: Path) -> None:
    path = made(tmp_path, lines("Who drives far may take", "the train instead of", "the car. Nobody else may."))
    page = draw_page(path, page=1, width=800, marked="may take the train instead of the car.")
    assert len(page.rectangles) == 3
    assert page.rectangles[0][0] > page.rectangles[1][0]
    assert is_around(page.rectangles[2], 72, 670, WIDTH)
    assert page.rectangles[2][2] * WIDTH < 120


def test_a_word_cut_at_the_end_of_a_line_is_marked_in_both_lines(tmp_path: Path) -> None:
    path = made(tmp_path, lines("Everybody may ask for reim-", "bursement within a month."))
    assert "reimbursement" in extract(path, "a.pdf").text
    page = draw_page(path, page=1, width=800, marked="reimbursement within")
    assert len(page.rectangles) == 2
    assert is_around(page.rectangles[1], 72, 685, WIDTH)


def test_in_two_columns_only_the_right_one_is_marked(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        lines("The left column speaks", "of holidays and leave.", "It ends here.")(canvas)
        lines("The right column speaks", "of travel and trains.", "It ends there.", x=330)(canvas)

    drawn = draw_page(
        made(tmp_path, page), page=1, width=800, marked="column speaks of travel and trains. It ends there"
    )
    assert len(drawn.rectangles) == 3
    assert all(rectangle[0] * WIDTH > 329 for rectangle in drawn.rectangles)


def test_the_asked_one_of_equal_texts_is_marked(tmp_path: Path) -> None:
    path = made(tmp_path, lines("Ask your manager.", "Else wait.", "Ask your manager."))
    for nth, baseline in ((0, 700), (1, 670), (7, 670)):
        (rectangle,) = draw_page(path, page=1, width=800, marked="Ask your manager.", nth=nth).rectangles
        assert is_around(rectangle, 72, baseline, WIDTH)


def test_a_text_is_marked_around_a_line_that_was_left_out(tmp_path: Path) -> None:
    path = made(tmp_path, lines("The budget is made in spring by", "CONFIDENTIAL 7", "the finance team and the board."))
    marked = "The budget is made in spring by the finance team and the board."
    rectangles = draw_page(path, page=1, width=800, marked=marked).rectangles
    assert [is_around(rectangle, 72, y, WIDTH) for rectangle, y in zip(rectangles, (700, 670), strict=True)] == [
        True
    ] * 2


def test_a_row_of_a_markdown_table_is_marked(tmp_path: Path) -> None:
    path = made(tmp_path, lines("Site      Phone", "Orlenz    6112"))
    (rectangle,) = draw_page(path, page=1, width=800, marked="| Orlenz | 6112 |").rectangles
    assert is_around(rectangle, 72, 685, WIDTH)


def test_a_turned_and_a_cropped_page_are_marked_where_they_are_shown(tmp_path: Path) -> None:
    path = made(tmp_path, lines("Turned words."), lines("Cropped words."))
    document = pdfium.PdfDocument(path)
    document[0].set_rotation(90)
    document[1].set_cropbox(50, 600, 350, 800)
    document.save(tmp_path / "changed")
    turned = draw_page(tmp_path / "changed", page=1, width=800, marked="Turned words.")
    assert turned.width > turned.height
    (rectangle,) = turned.rectangles
    assert rectangle[3] - rectangle[1] > 2 * (rectangle[2] - rectangle[0])
    assert darkness(turned, rectangle) > 0.1
    cropped = draw_page(tmp_path / "changed", page=2, width=600, marked="Cropped words.")
    (rectangle,) = cropped.rectangles
    assert is_around(rectangle, 72 - 50, 100, 300, 200)
    assert darkness(cropped, rectangle) > 0.1


def test_what_a_page_does_not_say_is_not_marked(tmp_path: Path) -> None:
    path = made(tmp_path, lines("Words."))
    assert draw_page(path, page=1, width=400, marked="Nothing of this").rectangles == []
    assert draw_page(path, page=1, width=400, marked=" … ").rectangles == []


def test_a_picture_is_drawn_as_its_first_page(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    Image.new("RGB", (400, 200), "red").save(path, "PNG")
    page = draw_page(path, page=1, width=100)
    assert (page.width, page.height) == (100, 50)
    assert Image.open(io.BytesIO(page.png)).getpixel((5, 5)) == (255, 0, 0)


def test_what_cannot_be_drawn_ends_with_a_reason(tmp_path: Path) -> None:
    path = made(tmp_path, lines("Words."))
    with pytest.raises(ExtractionError, match="no page 2"):
        draw_page(path, page=2, width=400)
    path.write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(ExtractionError, match="damaged"):
        draw_page(path, page=1, width=400)
    path.write_bytes(b"MZ nothing")
    with pytest.raises(ExtractionError, match="no picture"):
        draw_page(path, page=1, width=400)
