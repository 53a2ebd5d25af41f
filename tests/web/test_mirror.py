"""Pages turn round with the language: styles name starts and ends, never left and right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STYLES = Path(__file__).resolve().parents[2] / "static" / "css"
# file: what may stand there, with its reason.
ALLOWED = {
    "chat.css": {"linear-gradient(to right"},  # fades both ends of a row
}
PHYSICAL = re.compile(
    r"(?:margin|padding|border|scroll-margin|scroll-padding)(?:-(?:top|bottom))?-(?:left|right)[\w-]*\s*:"
    r"|(?<![\w-])(?:left|right)\s*:|text-align:\s*(?:left|right)|float:\s*(?:left|right)|\bto (?:left|right)\b"
    r"|(?:inset|margin|padding):\s*\S+ (?P<one>\S+) \S+ (?!(?P=one))[^\s;]+;"
)


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.css")), ids=lambda path: path.name)
def test_no_style_names_left_or_right(path: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    text = re.sub(r"(?:var|calc|env|max|min)\([^()]*(?:\([^()]*\)[^()]*)*\)", "x", text)
    found = [line.strip() for line in text.split("\n") if PHYSICAL.search(line)]
    assert [line for line in found if not any(known in line for known in ALLOWED.get(path.name, ()))] == []
