"""EPUB books: the chapters in the order of reading, each read like an HTML page."""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from knowledge.extraction import html
from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.unpacking import check_archive
from knowledge.extraction.writing import Writer, one_line
from knowledge.extraction.xml import local, member, parse

MEDIA_TYPE = "application/epub+zip"
_CONTAINER = "META-INF/container.xml"
_PAGES = frozenset(["application/xhtml+xml", "text/html"])


def read(path: Path, limits: Limits) -> Extracted:
    check_archive(path, limits)
    writer = Writer(limits)
    with zipfile.ZipFile(path) as archive:
        place = _package_place(archive)
        package = parse(member(archive, place))
        chapters = _chapters(package, posixpath.dirname(place))
        if not chapters:
            raise ExtractionError("It is damaged: it names no chapters.")
        _refuse_encrypted(archive, chapters)
        for chapter in chapters:
            _write_chapter(archive, chapter, writer)
    title = next((one_line(element.text or "") for element in package.iter() if local(element) == "title"), "")
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def _package_place(archive: zipfile.ZipFile) -> str:
    container = parse(member(archive, _CONTAINER))
    for element in container.iter():
        if local(element) == "rootfile" and element.get("full-path"):
            return str(element.get("full-path"))
    raise ExtractionError("It is damaged: it does not name its book.")


def _chapters(package: etree._Element, folder: str) -> list[str]:
    """The places of the pages in the archive, in the order of reading; tables of contents left out."""
    places: dict[str, str] = {}
    for item in package.iter():
        is_page = local(item) == "item" and item.get("media-type") in _PAGES
        if is_page and "nav" not in (item.get("properties") or "").split():
            places[item.get("id") or ""] = posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))
    spine = [item.get("idref") or "" for item in package.iter() if local(item) == "itemref"]
    return [places[name] for name in dict.fromkeys(spine) if name in places]


def _refuse_encrypted(archive: zipfile.ZipFile, chapters: list[str]) -> None:
    if "META-INF/encryption.xml" not in archive.namelist():
        return
    listed = {element.get("URI") for element in parse(member(archive, "META-INF/encryption.xml")).iter()}
    if listed & set(chapters):
        raise ExtractionError("It is protected against copying; only its reader can open it.")


def _write_chapter(archive: zipfile.ZipFile, place: str, writer: Writer) -> None:
    try:
        html.write_page(html.parse(member(archive, place)), writer)
    except ExtractionError as error:
        writer.notes.append(f"The chapter {posixpath.basename(place)} was left out: {error.reason}")
