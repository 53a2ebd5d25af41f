"""HTML pages: what their readers read, without navigation, scripts and forms.

When a page marks its main part (``main``, ``article``), only that is kept. Headings, lists and tables become
Markdown; links keep only their words, because an address is no knowledge and may be a lure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import lxml.html
from lxml import etree

from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.writing import Writer, clean, one_line, table

MEDIA_TYPE = "text/html"
_DROPPED_NAMES = """
script style noscript template svg math iframe object embed canvas audio video nav footer aside form button
input select textarea dialog head link meta
"""
_DROPPED = frozenset(_DROPPED_NAMES.split())
_BOILERPLATE = re.compile(r"\b(?:nav(?:bar|igation)?|menu|breadcrumbs?|cookie|sidebar|skip-?link|site-?footer)\b", re.I)
_BLOCKS_NAMES = """
p div section article main header h1 h2 h3 h4 h5 h6 ul ol li table pre blockquote dl dt dd figure figcaption
address details summary hr body fieldset center
"""
_BLOCKS = frozenset(_BLOCKS_NAMES.split())
_DEEPEST = 200


def read(path: Path, limits: Limits) -> Extracted:
    root = parse(path.read_bytes())
    title = one_line(root.findtext(".//title") or "")
    writer = Writer(limits)
    body = _main_part(root)
    _write(body, writer, 0)
    if not title:
        title = next((heading.text for heading in writer.headings if heading.level <= 2), "")
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


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
    for path in (".//main", ".//*[@role='main']", ".//article", ".//body"):
        found = root.findall(path)
        if len(found) == 1 and len("".join(_strings(found[0]))) > 0:
            return found[0]
    return root


def _is_left_out(element: etree._Element) -> bool:
    if not isinstance(element.tag, str) or element.tag in _DROPPED:
        return True
    if element.get("hidden") is not None or element.get("aria-hidden") == "true" or element.get("role") == "navigation":
        return True
    if "display:none" in (element.get("style") or "").replace(" ", "").lower():
        return True
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    return element.tag in ("div", "ul", "section", "header") and bool(_BOILERPLATE.search(names))


def _write(element: etree._Element, writer: Writer, depth: int) -> None:
    """Write an element's own text and its children's, block by block."""
    if _is_left_out(element) or depth > _DEEPEST:
        return
    tag = element.tag
    if re.fullmatch("h[1-6]", tag):
        writer.heading(_inline(element), int(tag[1]))
    elif tag == "table":
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


def _rows(element: etree._Element) -> list[list[str]]:
    return [
        [_inline(value) for value in row.iter("td", "th") if value.getparent() is row] for row in element.iter("tr")
    ]


def _inline(element: etree._Element) -> str:
    return one_line("".join(_strings(element)))


def _strings(element: etree._Element) -> Iterator[str]:
    """The readable strings inside an element, in order."""
    if _is_left_out(element):
        return
    yield element.text or ""
    for child in element:
        if isinstance(child.tag, str):
            if child.tag in ("br", "td", "th", "p", "div"):
                yield " "
            yield from _strings(child)
        yield child.tail or ""
