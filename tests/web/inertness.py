"""Whether HTML can act, load or imitate: read as a browser reads it, by elements and attributes."""

from __future__ import annotations

from html.parser import HTMLParser

from app.web.markdown.cleaning import ATTRIBUTES, ID_PREFIX, TAGS
from app.web.markdown.formulas import ATTRIBUTES as MATH_ATTRIBUTES
from app.web.markdown.formulas import ELEMENTS as MATH_ELEMENTS

ACTING = {"script", "iframe", "object", "embed", "form", "button", "style", "link", "base", "meta", "img", "svg"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ACTING or tag not in TAGS | MATH_ELEMENTS:
            self.faults.append(f"<{tag}>")
        allowed = MATH_ATTRIBUTES if tag in MATH_ELEMENTS else ATTRIBUTES.get(tag, set())
        for name, value in attrs:
            leads = (value or "").strip().lower()
            is_address = leads.startswith(("/", "#", "mailto:")) and not leads.startswith("//")
            if (
                (name not in allowed and (tag, name, value) != ("input", "aria-label", "Task"))
                or name.startswith(("on", "hx-", "data-hx", "style", "src"))
                or (name == "href" and not is_address)
                or (name == "id" and not leads.startswith(ID_PREFIX))
            ):
                self.faults.append(f"<{tag} {name}={value!r}>")


def faults(html: str) -> list[str]:
    """What in it could act, load, or be taken for a part of the page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.faults
