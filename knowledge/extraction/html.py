"""HTML pages: what their readers read, without navigation, scripts and forms.

When a page marks its main part (``main``, ``article``), only that is kept. Headings, lists and tables become
Markdown; links keep only their words, because an address is no knowledge and may be a lure. What goes besides is
decided in ``pruning``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import lxml.html
from lxml import etree

from knowledge.extraction.pruning import prune, strings
from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.writing import Writer, clean, one_line, table

MEDIA_TYPE = "text/html"
_BLOCKS_NAMES = """
p div section article main header h1 h2 h3 h4 h5 h6 ul ol li table pre blockquote dl dt dd figure figcaption
address details summary hr body fieldset center tr td th tbody thead tfoot caption
"""
_BLOCKS = frozenset(_BLOCKS_NAMES.split())
_DEEPEST = 200
_WIDEST_SPAN = 100


def read(path: Path, limits: Limits) -> Extracted:
    writer = Writer(limits)
    title = write_page(parse(path.read_bytes()), writer)
    if not title:
        title = next((heading.text for heading in writer.headings if heading.level <= 2), "")
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def write_page(root: etree._Element, writer: Writer) -> str:
    """Write what a page says; return its title, or ""."""
    title = one_line(root.findtext(".//title") or "")
    body = _main_part(root)
    if body is not root:
        writer.boilerplate_characters += _length(root.find("body")) - _length(body)
    prune(body, writer, by_density=body.tag == "body")
    _write(body, writer, 0)
    return title


def parse(data: bytes | str) -> etree._Element:
    """A tree of any HTML, however broken. Raises ExtractionError when there is nothing to read."""
    encoding = None
    if isinstance(data, bytes):
        try:
            data.decode("utf-8")
            encoding = "utf-8"
        except UnicodeDecodeError:
            encoding = None  # lxml then believes the page's own declaration
    parser = lxml.html.HTMLParser(
        encoding=encoding, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return lxml.html.document_fromstring(data, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise ExtractionError("It holds no HTML that can be read.") from error


def table_text(source: str) -> str:
    """An HTML table as a Markdown table."""
    rows = [row for element in parse(source).iter("table") for row in _rows(element)]
    return table(rows)


def _main_part(root: etree._Element) -> etree._Element:
    """What the page marks as its main part, if that holds anything, else all of its body."""
    for path in (".//main", ".//*[@role='main']", ".//article", ".//*[@itemprop='articleBody']", ".//body"):
        found = root.findall(path)
        if len(found) == 1 and _length(found[0]) > 0:
            return found[0]
    return root


def _length(element: etree._Element | None) -> int:
    return 0 if element is None else sum(len(" ".join(text.split())) for text in strings(element))


def _write(element: etree._Element, writer: Writer, depth: int) -> None:
    """Write an element's own text and its children's, block by block."""
    if depth > _DEEPEST:
        return
    tag = element.tag
    if re.fullmatch("h[1-6]", tag):
        writer.heading(_inline(element), int(tag[1]))
    elif tag == "table" and not _is_layout(element):
        writer.block(_inline_of(element.find("caption")))
        writer.block(table(_rows(element)))
    elif tag == "pre":
        writer.block("```\n" + clean("".join(_strings(element))).strip("\n") + "\n```")
    elif tag in ("ul", "ol"):
        writer.block("\n".join(_items(element, 0)))
    else:
        _write_mixed(element, writer, depth)


def _write_mixed(element: etree._Element, writer: Writer, depth: int) -> None:
    """Runs of inline content become paragraphs; block children are written in their places between them."""
    run = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and (child.tag in _BLOCKS or _has_blocks(child)):
            writer.block(one_line("".join(run)))
            run = []
            _write(child, writer, depth + 1)
        else:
            run += list(_strings(child))
        run.append(child.tail or "")
    writer.block(one_line("".join(run)))


def _has_blocks(element: etree._Element) -> bool:
    return any(isinstance(child.tag, str) and child.tag in _BLOCKS for child in element.iterdescendants())


def _items(element: etree._Element, depth: int) -> Iterator[str]:
    if depth > 20:
        return
    for number, item in enumerate(element.findall("li"), 1):
        own = [item.text or ""]
        below: list[etree._Element] = []
        for child in item:
            if child.tag in ("ul", "ol"):
                below.append(child)
            else:
                own += [*_strings(child), " " if child.tag in _BLOCKS else ""]
            own.append(child.tail or "")
        if words := one_line("".join(own)):
            yield f"{'  ' * depth}{f'{number}.' if element.tag == 'ol' else '-'} {words}"
        for inner in below:
            yield from _items(inner, depth + 1)


def _is_layout(element: etree._Element) -> bool:
    """Whether a table only places things: mails and old pages are made so. Its cells are then read one by one."""
    if element.get("role") in ("presentation", "none") or element.find(".//table") is not None:
        return True
    rows = list(element.iter("tr"))
    if max((len(row) for row in rows), default=0) <= 1:
        return True
    return any(
        value.find(".//h1") is not None or value.find(".//h2") is not None or len(value.findall(".//p")) > 3
        for value in element.iter("td")
    )


def _rows(element: etree._Element) -> list[list[str]]:
    """The cells of each row. One that spans rows is told in each of them, so that every row can be read alone."""
    rows: list[list[str]] = []
    reaching: dict[int, tuple[int, str]] = {}
    for row in element.iter("tr"):
        values: list[str] = []
        for value in (inner for inner in row if inner.tag in ("td", "th")):
            _fill(values, reaching)
            words, down = _inline(value), _span(value, "rowspan")
            if down > 1:
                reaching[len(values)] = (down - 1, words)
            values += [words] + [""] * (_span(value, "colspan") - 1)
        _fill(values, reaching)
        rows.append(values)
    return rows


def _fill(values: list[str], reaching: dict[int, tuple[int, str]]) -> None:
    """Add the cells that reach down from rows above to where ``values`` ends."""
    while left := reaching.pop(len(values), None):
        if left[0] > 1:
            reaching[len(values)] = (left[0] - 1, left[1])
        values.append(left[1])


def _span(element: etree._Element, name: str) -> int:
    value = (element.get(name) or "").strip()
    return min(max(int(value), 1), _WIDEST_SPAN) if value.isdecimal() and len(value) < 5 else 1


def _inline_of(element: etree._Element | None) -> str:
    return "" if element is None else _inline(element)


def _inline(element: etree._Element) -> str:
    return one_line("".join(_strings(element)))


def _strings(element: etree._Element) -> Iterator[str]:
    """The strings inside an element, in order, apart where a break or a block parts them."""
    yield element.text or ""
    for child in element:
        if isinstance(child.tag, str):
            if child.tag in ("br", "td", "th", "p", "div", "li"):
                yield " "
            yield from _strings(child)
        yield child.tail or ""
