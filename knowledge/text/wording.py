"""The words of a Markdown-like text without its signs: what embeddings and word search should see."""

from __future__ import annotations

import re

_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+\"[^\"]*\")?\)")
_REFERENCE = re.compile(r"<?\bhttps?://[^\s<>)]+>?")
_SIGNS = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|[-*+•][ \t]+|>[ \t]?|(?:`{3,}|~{3,})[^\n]*$)", re.MULTILINE)
_DASHES = re.compile(r"^[ \t]*\|?[ \t:|-]*---[ \t:|-]*$\n?", re.MULTILINE)
_EMPHASIS = re.compile(r"(?<!\w)[*_~`]+(?=\S)|(?<=\S)[*_~`]+(?!\w)|\*\*|``+")
_CELLS = re.compile(r"[ \t]*(?<!\\)\|[ \t]*")


def plain(text: str) -> str:
    """``text`` as one would read it aloud; only for comparing, since offsets do not survive."""
    text = _LINK.sub(r"\1", text)
    text = _REFERENCE.sub("", text)
    text = _DASHES.sub("", text)
    text = _SIGNS.sub("", text)
    text = _EMPHASIS.sub("", text)
    return " ".join(_CELLS.sub(" ", text).split())
