"""The second lock on rendered text: what is not on this list is not in the HTML, whatever the parser let through.

Of MathML only what sets formulas: nothing that links, acts, loads, colours or carries other markup in it
(``annotation-xml``, ``maction``, ``mglyph``). Ids can only be those of notes.
"""

from __future__ import annotations

import nh3

from app.web.markdown.formulas import ATTRIBUTES as MATH_ATTRIBUTES
from app.web.markdown.formulas import ELEMENTS as MATH_ELEMENTS

ID_PREFIX = "note-"
_TAG_NAMES = """
    p br hr h1 h2 h3 h4 h5 h6 strong em s del code pre blockquote ul ol li table thead tbody tr th td a sup div span
    input mark
"""
TAGS = set(_TAG_NAMES.split())
ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "class", "data-number", "title", "rel", "id", "aria-label"},
    "code": {"class"},
    "div": {"class", "tabindex", "role", "aria-label", "id", "data-language"},
    "pre": {"class", "tabindex", "role", "aria-label"},
    "span": {"class", "tabindex", "role", "aria-label"},
    "sup": {"class"},
    "input": {"type", "checked", "disabled", "class"},
    "th": {"class"},
    "td": {"class"},
    "ol": {"start", "class"},
    "ul": {"class"},
    "li": {"class"},
    "mark": {"id"},
}

# The box of a task has a name; its words follow, and whether it is ticked is said by itself.
NAMED: dict[str, dict[str, str]] = {"input": {"aria-label": "Task"}}

_cleaner = nh3.Cleaner(
    tags=TAGS | MATH_ELEMENTS,
    attributes=ATTRIBUTES | dict.fromkeys(MATH_ELEMENTS, MATH_ATTRIBUTES),
    set_tag_attribute_values=NAMED,
    link_rel=None,
    url_schemes={"http", "https", "mailto"},
    id_prefix=ID_PREFIX,
)


def clean(html: str) -> str:
    return _cleaner.clean(html)
