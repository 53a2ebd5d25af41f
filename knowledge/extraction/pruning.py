"""What of an HTML page is no part of its text: programs, navigation and banners, and what nobody sees.

An element is hidden when its own style says so; colours and places that style sheets give are not known here.
Navigation is known by its element, by the names that page builders give, and, on pages that do not mark their
main part, by being little but links. An element that holds most of the page's text is never taken for either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from knowledge.extraction.writing import Writer, one_line

_NO_TEXT = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "embed",
        "canvas",
        "audio",
        "video",
        "head",
        "link",
        "meta",
    ]
)
_FURNITURE = frozenset(["nav", "footer", "aside", "form", "button", "input", "select", "textarea", "dialog"])
_CONTAINERS = frozenset(["div", "ul", "ol", "section", "header", "p", "span", "a", "table", "aside"])
_NAMES = re.compile(
    r"(?:^|[-_\s])(?:nav|navbar|navigation|navlinks|menu|menubar|breadcrumbs?|cookies?|cookie-?(?:banner|bar|consent|notice)"
    r"|gdpr|consent-?(?:banner|bar)|sidebar|skip-?(?:link|nav|to-content)|site-?(?:footer|header)|page-?footer|footer-?links"
    r"|share|share-?(?:bar|buttons?|links?)|sharing|social-?(?:bar|icons?|links?|media|share|buttons?)|newsletter|pagination"
    r"|pager|related-?(?:posts|articles|links)|advert(?:isement)?|back-?to-?top)(?:$|[-_\s])",
    re.IGNORECASE,
)
_ROLES = frozenset(["navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "menu", "menubar"])
_UNSEEN_CLASSES = re.compile(r"(?:^|\s)(?:sr-only|visually-?hidden|screen-reader-text|u-hidden-visually)(?:$|\s)", re.I)
_SKIP = re.compile(r"(?:skip|jump) to (?:the )?(?:main )?(?:content|navigation|search|footer)\W*", re.IGNORECASE)
_AGREE = re.compile(r"\b(?:accept|agree|allow|consent|preferences|reject|settings|ok|got it)\b", re.IGNORECASE)
_WHITE = frozenset(["white", "#fff", "#ffffff", "#fefefe", "rgb(255,255,255)", "rgba(255,255,255,1)", "hsl(0,0%,100%)"])
_PAINTED = re.compile(
    r"dark|black|blue|green|red|navy|hero|banner|bg|background|inver|primary|accent|btn|button|badge|label|tag|chip|pill"
    r"|overlay|cover|header|jumbotron|callout|ribbon|alert|card|tile",
    re.IGNORECASE,
)
_BANNER_CHARACTERS = 700
_ANNOUNCING = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "p", "dt"])
_MANY_LINKS, _LINK_SHARE, _LINK_CHARACTERS = 3, 0.8, 30


def prune(root: etree._Element, writer: Writer, *, by_density: bool) -> None:
    """Take out of the tree what is no text of the page; tell the writer what was hidden and how much was no text."""
    most = _length(root) * 0.4
    dropped: list[etree._Element] = []
    waiting = [child for child in reversed(root) if isinstance(child.tag, str)]
    while waiting:
        element = waiting.pop()
        if element.tag in _NO_TEXT:
            dropped.append(element)
        elif is_hidden(element):
            if not _only_for_machines(element) or len(_text(element).split()) > 2:
                writer.hide(_text(element))
            dropped.append(element)
        elif _is_furniture(element, most) or (by_density and _is_little_but_links(element, most)):
            writer.boilerplate_characters += _length(element)
            dropped.append(element)
        else:
            waiting += [child for child in reversed(element) if isinstance(child.tag, str)]
    for element in dropped:
        _drop(element)


def _drop(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (element.tail or "")
    else:
        parent.text = (parent.text or "") + (element.tail or "")
    parent.remove(element)


def is_hidden(element: etree._Element) -> bool:
    if element.get("hidden") is not None or _only_for_machines(element):
        return True
    style = _style(element)
    if not style:
        return False
    return (
        style.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or _number(style.get("opacity"), 1) < 0.05
        or _is_tiny(style)
        or _is_outside(style)
        or _is_white_on_white(element, style)
    )


def _only_for_machines(element: etree._Element) -> bool:
    return element.get("aria-hidden") == "true" or bool(_UNSEEN_CLASSES.search(element.get("class") or ""))


def _style(element: etree._Element) -> dict[str, str]:
    pairs = (part.partition(":") for part in (element.get("style") or "").lower().split(";"))
    return {name.strip(): value.replace("!important", "").replace(" ", "") for name, _, value in pairs if value}


def _number(value: str | None, otherwise: float) -> float:
    match = re.match(r"-?\d*\.?\d+", value or "")
    if not match:
        return otherwise
    return float(match[0]) / 100 if value and value.endswith("%") else float(match[0])


def _is_tiny(style: dict[str, str]) -> bool:
    size = style.get("font-size", "")
    if size and _number(size, 99) <= (0.1 if size.endswith(("em", "%")) else 1.9):
        return True
    is_cut = style.get("overflow", style.get("overflow-y", "")) in ("hidden", "clip")
    sides = (style.get(name, "") for name in ("width", "height", "max-width", "max-height"))
    if is_cut and any(side and _number(side, 99) <= 1 for side in sides):
        return True
    return "scale(0" in style.get("transform", "")


def _is_outside(style: dict[str, str]) -> bool:
    if _number(style.get("text-indent"), 0) < -500 or re.match(r"rect\([01]p?x?,?[01]p?x?", style.get("clip", "")):
        return True
    places = ("left", "top", "right", "bottom", "margin-left", "margin-top")
    return any(_number(style.get(place), 0) < -500 for place in places)


def _is_white_on_white(element: etree._Element, style: dict[str, str]) -> bool:
    colour = style.get("color", "")
    if colour == "transparent":
        return "background-clip" not in style and "-webkit-background-clip" not in style
    if colour not in _WHITE:
        return False
    at: etree._Element | None = element
    while at is not None and at.tag not in ("html", "body"):
        own = _style(at)
        ground = own.get("background-color") or own.get("background") or (at.get("bgcolor") or "").lower()
        if ground:
            return ground in _WHITE
        if _PAINTED.search(at.get("class") or ""):
            return False  # a style sheet seems to paint its ground
        at = at.getparent()
    return True


def _is_furniture(element: etree._Element, most: float) -> bool:
    if element.tag in _FURNITURE or element.get("role") in _ROLES:
        return _length(element) <= most or element.tag == "nav"
    if element.tag not in _CONTAINERS:
        return False
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    if names.strip() and _NAMES.search(names):
        return _length(element) <= most
    if element.tag == "a":
        return bool(_SKIP.fullmatch(_text(element)))
    return element.tag in ("div", "section", "aside") and _asks_for_cookies(element, most)


def _asks_for_cookies(element: etree._Element, most: float) -> bool:
    if next(element.iter("button", "input"), None) is None or _length(element) > min(most, _BANNER_CHARACTERS):
        return False
    text = _text(element)
    return "cookie" in text.lower() and bool(_AGREE.search(text))


def _is_little_but_links(element: etree._Element, most: float) -> bool:
    """A row of short links that no heading or sentence before it announces."""
    if element.tag not in _CONTAINERS:
        return False
    found = list(element.iter("a"))
    if len(found) < _MANY_LINKS:
        return False
    links, length = [_length(link) for link in found], _length(element)
    if length > most or sum(links) < length * _LINK_SHARE:
        return False
    if sum(links) / len(links) > _LINK_CHARACTERS or next(element.iter("h1", "h2", "h3", "h4"), None) is not None:
        return False
    before = element.getprevious()
    return before is None or str(before.tag) not in _ANNOUNCING


def strings(element: etree._Element) -> Iterator[str]:
    """All strings inside an element but those of programs."""
    for inner in element.iter():
        if isinstance(inner.tag, str) and inner.tag not in _NO_TEXT:
            yield inner.text or ""
        if inner is not element:
            yield inner.tail or ""


def _text(element: etree._Element) -> str:
    return one_line(" ".join(strings(element)))


def _length(element: etree._Element) -> int:
    return sum(len(" ".join(text.split())) for text in strings(element))
