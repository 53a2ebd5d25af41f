"""PowerPoint presentations: each slide is a page, its title a heading; lists keep their levels, notes are marked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.exc import PythonPptxError

from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.unpacking import check_archive
from knowledge.extraction.writing import Writer, one_line, table

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_TITLES = (PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE)
_FURNITURE = (PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.HEADER)
_DEEPEST = 20


def read(path: Path, limits: Limits) -> Extracted:
    check_archive(path, limits)
    try:
        presentation = Presentation(str(path))
        slides = list(presentation.slides)
    except (PythonPptxError, KeyError, ValueError, AttributeError, etree.XMLSyntaxError) as error:
        raise ExtractionError("It is damaged: it cannot be opened as a PowerPoint presentation.") from error
    if len(slides) > limits.pages:
        raise ExtractionError(f"It has {len(slides):,} slides; the most that Parley reads is {limits.pages:,}.")
    writer = Writer(limits)
    for slide in slides:
        start = writer.position
        if slide.element.get("show") in ("0", "false"):
            _hide(slide, writer)
        else:
            _write_slide(slide, writer)
        writer.end_page(start)
    title = one_line(presentation.core_properties.title or "")
    if title == "PowerPoint Presentation" or not title:
        title = next((heading.text for heading in writer.headings), "")
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def _hide(slide: Any, writer: Writer) -> None:
    words = [one_line(shape.text_frame.text) for shape in _shapes(slide.shapes, 0) if shape.has_text_frame]
    writer.hide("Hidden slide: " + " ".join(word for word in words if word))


def _write_slide(slide: Any, writer: Writer) -> None:
    presentation = slide.part.package.presentation_part.presentation
    width, height = presentation.slide_width or 0, presentation.slide_height or 0
    for shape in _shapes(slide.shapes, 0):
        if _kind(shape) in _FURNITURE:
            writer.boilerplate_characters += len(shape.text_frame.text) if shape.has_text_frame else 0
        elif _is_hidden(shape, width, height):
            writer.hide(shape.text_frame.text if shape.has_text_frame else "")
        elif _kind(shape) in _TITLES:
            writer.heading(shape.text_frame.text, 2 if writer.headings else 1)
        elif getattr(shape, "has_table", False) and shape.has_table:
            writer.block(table([[value.text for value in row.cells] for row in shape.table.rows]))
        elif shape.has_text_frame:
            writer.block("\n".join(_lines(shape)))
        elif getattr(shape, "has_chart", False) and shape.has_chart:
            _write_chart(shape.chart, writer)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = one_line(slide.notes_slide.notes_text_frame.text)
        writer.block(f"Speaker notes: {notes}" if notes else "")


def _shapes(shapes: Any, depth: int) -> Iterator[Any]:
    """All shapes, those in groups as well, the title first, then from top to bottom as they are read."""
    if depth > _DEEPEST:
        return
    for shape in sorted(shapes, key=_place) if depth == 0 else shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _place(shape: Any) -> tuple[int, int, int]:
    if _kind(shape) in _TITLES:
        return -1, 0, 0
    band = 457_200  # half an inch: what begins on about one height is read from left to right
    return 0, int(shape.top or 0) // band, int(shape.left or 0)


def _kind(shape: Any) -> Any:
    return shape.placeholder_format.type if shape.is_placeholder else None


def _is_hidden(shape: Any, width: int, height: int) -> bool:
    """Switched off in the selection pane, or wholly beside the slide."""
    properties = shape._element.xpath("./*/p:cNvPr")  # python-pptx tells it nowhere else
    if properties and properties[0].get("hidden") in ("1", "true"):
        return True
    if shape.left is None or shape.width is None or not width:
        return False
    left, top, right, bottom = shape.left, shape.top, shape.left + shape.width, shape.top + shape.height
    return bool(left >= width or right <= 0 or top >= height or bottom <= 0)


def _lines(shape: Any) -> Iterator[str]:
    """The paragraphs of a text; those of a placeholder for text are items of a list, by their levels."""
    paragraphs = [(one_line(paragraph.text), paragraph) for paragraph in shape.text_frame.paragraphs]
    filled = [(words, paragraph) for words, paragraph in paragraphs if words]
    is_body = _kind(shape) in (PP_PLACEHOLDER.BODY, PP_PLACEHOLDER.OBJECT) and len(filled) > 1
    for words, paragraph in filled:
        bulleted = is_body or paragraph.level > 0 or paragraph._p.xpath("./a:pPr/a:buChar | ./a:pPr/a:buAutoNum")
        if bulleted and not paragraph._p.xpath("./a:pPr/a:buNone"):
            yield f"{'  ' * paragraph.level}- {words}"
        else:
            yield words


def _write_chart(chart: Any, writer: Writer) -> None:
    """A chart as the table of its numbers."""
    try:
        plot = chart.plots[0]
        rows = [["", *(str(series.name) for series in plot.series)]]
        for index, category in enumerate(plot.categories):
            rows.append([str(category), *(f"{series.values[index]:g}" for series in plot.series)])
    except (IndexError, KeyError, TypeError, ValueError, AttributeError):
        return  # a kind of chart without categories
    title = chart.chart_title.text_frame.text if chart.has_title and chart.chart_title.has_text_frame else ""
    writer.block(one_line(title))
    writer.block(table(rows))
