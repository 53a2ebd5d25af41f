"""How a quote is said: its own words, with its number where a reader looks for it.

Rows of a table mean little without their headings, so the table's head, which stands in the same passage, is said with
them; the citation still names the rows alone.
"""

from __future__ import annotations

import re

from knowledge.retrieval.found import Found
from knowledge.retrieval.quoting import Quote

RULE_ROW = re.compile(r"^\s*\|?(\s*:?-{2,}:?\s*\|)+\s*(:?-{2,}:?)?\s*$")


def say(quote: Quote, passage: Found, number: int) -> str:
    """The Markdown of a quote with its number."""
    text = quote.text.rstrip()
    if not _is_rows(text):
        return f"{text} [{number}]"
    head = _head_above(passage.text, quote.start - passage.start)
    rows = text.removesuffix("|").rstrip()
    return f"{head}{rows} [{number}] |"


def _is_rows(text: str) -> bool:
    return all(line.lstrip().startswith("|") and line.rstrip().endswith("|") for line in text.splitlines())


def _head_above(text: str, begin: int) -> str:
    """Heading row and rule of the table that goes on at ``begin``, else blank ones of its width."""
    above: list[str] = []
    for line in reversed(text[:begin].rstrip("\n").splitlines()):
        if not line.lstrip().startswith("|"):
            break
        above.insert(0, line)
    if len(above) >= 2 and RULE_ROW.match(above[1]):
        return f"{above[0]}\n{above[1]}\n"
    rows = text[begin:].splitlines()
    if len(rows) > 1 and RULE_ROW.match(rows[1]):
        return ""
    columns = max(rows[0].count("|") - 1, 1) if rows else 1
    return "|" + " |" * columns + "\n|" + "---|" * columns + "\n"
