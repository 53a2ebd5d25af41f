"""XML of strangers: entities are never resolved, nothing is loaded, and what is too deep or too large is refused."""

from __future__ import annotations

import zipfile
from typing import Any

from lxml import etree

from knowledge.extraction.types import ExtractionError


def parse(data: bytes) -> etree._Element:
    """The root of an XML document. Raises ExtractionError for one that is damaged or declares entities."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ExtractionError("It is damaged: its XML cannot be read.") from error
    declared: Any = root.getroottree().docinfo.internalDTD
    if declared is not None and next(declared.iterentities(), None) is not None:
        raise ExtractionError("It declares entities of its own; no real document does.")
    return root


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A part of an archive that ``check_archive`` has let pass. Raises ExtractionError when there is none."""
    try:
        return archive.read(name)
    except KeyError as error:
        raise ExtractionError(f"It is damaged: its part {name[:100]} is missing.") from error


def local(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
