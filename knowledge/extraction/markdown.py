"""Markdown as people keep it: YAML front matter, template tags of site generators, some HTML.

The title comes from the front matter, else from the first heading. Template tags are no text: a tag's readable
argument stays (``{% alert "Closed on Friday" %}``), paths and the tags themselves go. Code blocks are left
alone, character by character. Comments and elements that a browser would not show are told as hidden.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import yaml

from knowledge.extraction.text import decode
from knowledge.extraction.types import Extracted, Heading, Limits
from knowledge.extraction.writing import Writer, clean
from knowledge.text.blocks import Kind, blocks, heading_text

MEDIA_TYPE = "text/markdown"
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FENCED_OR_COMMENT = re.compile(
    r"^(?P<fenced> {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z))"
    r"|<!--(?P<comment>(?:(?!<!--).){0,20000}?)-->|\{%-?\s*comment\s*-?%\}(?P<template>.{0,20000}?)\{%-?\s*endcomment\s*-?%\}"
    r"|^\[//\]: *#[ \t]+[(\"'](?P<link>[^\n]*)[)\"'][ \t]*$"
    r"|<(?P<name>[a-z]+)\b[^<>]{0,500}(?:style=[\"'][^\"'<>]{0,500}"
    r"(?:display: *none|visibility: *hidden|font-size: *0|opacity: *0(?!\.))[^<>]{0,500}|[ ]hidden(?:[ =][^<>]*)?)>"
    r"(?P<unseen>.{0,4000}?)</(?P=name)>",
    re.DOTALL | re.MULTILINE,
)
_TAG_AS_TARGET = re.compile(r"\]\(\s{0,9}(?:\{%.{0,500}?%\}|\{\{.{0,500}?\}\})([^)\s]*)\)", re.DOTALL)
_TAG = re.compile(r"\{%-?\s{0,9}(.{0,2000}?)\s{0,9}-?%\}", re.DOTALL)
_VALUE = re.compile(
    r"\{\{.{0,1000}?\}\}|^\{[:#][^}\n]*\}[ \t]*$|(?<=\S)\s{0,9}\{[:#][^}\n]*\}[ \t]*$", re.DOTALL | re.MULTILINE
)
_STRING = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_PATH = re.compile(r"/|\.\w{2,5}$|^[\w-]*_[\w-]*$")
_LOCAL_LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\((?!https?:|mailto:)[^()\s]*(?:[ \t]+\"[^\"]*\")?\)")
_TABLE = re.compile(r"<table\b.*?</table\s*>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_ELEMENT = re.compile(
    r"</?(?:a|abbr|article|aside|b|button|center|cite|details|div|dd|dl|dt|em|figcaption|figure|font|footer|h[1-6]|header"
    r"|hr|i|iframe|img|kbd|li|main|nav|ol|p|section|small|span|strong|sub|summary|sup|svg|u|ul|use|video)\b[^<>]*>",
    re.IGNORECASE,
)
_SETEXT = re.compile(r"^(?![ \t]*[-*+#>|\d])(\S[^\n]*)\n(=+|-{3,})[ \t]*$", re.MULTILINE)


def read(path: Path, limits: Limits) -> Extracted:
    source = clean(decode(path.read_bytes()))
    front, body, notes = _front_matter(source)
    writer = Writer(limits)
    text = _outside_code(body, writer)
    writer.block(text if text.strip() else _told_by(front))
    writer.notes.extend(notes)
    done = writer.extracted(title="", media_type=MEDIA_TYPE)
    writer.headings = headings(done.text)
    first = next((heading.text for heading in writer.headings if heading.level <= 2), "")
    title = html.unescape(str(front.get("title") or first))
    return writer.extracted(title=title, media_type=MEDIA_TYPE)


def headings(text: str) -> list[Heading]:
    return [
        Heading(block.start, block.level, heading_text(text[block.start : block.end]))
        for block in blocks(text)
        if block.kind is Kind.HEADING
    ]


def _front_matter(source: str) -> tuple[dict[str, Any], str, list[str]]:
    match = _FRONT.match(source)
    if not match:
        return {}, source, []
    try:
        front = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, source[match.end() :], ["Its front matter is not valid YAML and was left out."]
    return (front if isinstance(front, dict) else {}), source[match.end() :], []


def _told_by(front: dict[str, Any]) -> str:
    """What the front matter says, for a page that is nothing else (it often only says where the page has gone)."""
    return "\n".join(
        f"- {name.replace('_', ' ')}: {value}"
        for name, value in front.items()
        if isinstance(name, str) and name != "title" and isinstance(value, str | int | float)
    )


def _outside_code(body: str, writer: Writer) -> str:
    """``body`` readable everywhere but in fenced code, which stays as it is. What it hides goes to the writer."""
    parts: list[str] = []
    prose: list[str] = []
    at = 0
    for match in _FENCED_OR_COMMENT.finditer(body):
        prose.append(body[at : match.start()])
        at = match.end()
        if match["fenced"]:
            parts += [_readable("".join(prose)), match[0]]
            prose = []
        elif hidden := match["comment"] or match["template"] or match["link"] or match["unseen"]:
            writer.hide(_ELEMENT.sub("", hidden))
    parts.append(_readable("".join([*prose, body[at:]])))
    return re.sub(r"\n{3,}", "\n\n", "".join(parts))


def _readable(text: str) -> str:
    text = _TAG_AS_TARGET.sub("]()", text)
    text = _TAG.sub(lambda match: _words_of_tag(match[1]), text)
    text = _VALUE.sub("", text)
    text = _LOCAL_LINK.sub(r"\1", text)
    if "</table" in text.lower():
        text = _TABLE.sub(lambda match: _table_from_html(match[0]), text)
    text = _ELEMENT.sub("", _BREAK.sub(" ", text))
    text = _SETEXT.sub(lambda match: f"{'#' if match[2][0] == '=' else '##'} {match[1].strip()}", text)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _words_of_tag(inside: str) -> str:
    """The first argument that reads as words; nothing for paths, files and names of templates."""
    for match in _STRING.finditer(inside):
        value = match[1] or match[2] or ""
        if value and not _PATH.search(value):
            return value
    return ""


def _table_from_html(source: str) -> str:
    from knowledge.extraction.html import table_text  # lxml is worth its start-up time only for pages that hold HTML

    return f"\n\n{table_text(source)}\n\n"
