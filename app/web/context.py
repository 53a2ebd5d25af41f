"""The frame around every page: which areas this person may enter, where they are, and what waits there.

It stands at the floor and knows only what somebody may do, never the packages above. A package whose area can have
work waiting tells so by ``count_with`` when it starts; the number is asked for only when a page draws the bar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_noop as _

Counter = Callable[[Any], int]
_counters: dict[str, Counter] = {}


@dataclass(frozen=True)
class Area:
    """One entry of the top bar, its name in English. ``key``: the letter that goes there behind G; ``count``: how much
    waits there for this person.
    """

    name: str
    key: str
    url: str
    icon: str
    is_current: bool
    count: int = 0


@dataclass(frozen=True)
class Shell:
    """What ``base.html`` draws around a page."""

    areas: list[Area]


# name, the letter that goes there behind G, address, icon, the capabilities of which one is enough (none: signed in)
AREAS = [
    (_("Chat"), "c", "/", "chat", ""),
    (_("Knowledge"), "k", "/knowledge/", "book", ""),
    (_("Review"), "r", "/review/", "review", "moderation.review"),
    (_("Audit"), "l", "/audit/", "audit", "audit.read"),
    (_("Pool"), "p", "/operations/pool/", "server", "pool.administer"),
    (_("Programs"), "g", "/operations/programs/", "key", "accounts.administer"),
    (_("Usage"), "u", "/operations/usage/", "chart", "usage.read"),
    (_("People"), "e", "/people/", "people", "accounts.administer audit.read"),
    (_("Admin"), "a", "/admin/", "settings", "accounts.administer"),
]


# Addresses that belong to an area without beginning as it does.
ALSO = {"/operations/limits/": "/operations/usage/", "/search/": "/", "/prompts/": "/", "/assistants/": "/"}
ALSO |= {"/s/": "/", "/shares/": "/"}


def count_with(area: str, counter: Counter) -> None:
    """Show ``counter(user)`` beside the area of this name, when it is above nothing."""
    _counters[area] = counter


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: ``shell``, worked out only when a template uses it."""
    return {"shell": SimpleLazyObject(lambda: _shell_of(request))}


def _shell_of(request: HttpRequest) -> Shell:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Shell([])
    held = user.capabilities
    at = _area_of(request.path)
    areas = []
    for name, key, url, icon, needed in AREAS:
        if needed and not held.intersection(needed.split()):
            continue
        counter = _counters.get(name)
        areas.append(Area(name, key, url, icon, url == at, counter(user) if counter else 0))
    return Shell(areas)


def _area_of(path: str) -> str:
    """The address of the area a page belongs to; account pages belong to none."""
    for _name, _key, url, *_rest in AREAS[1:]:
        if path.startswith(url):
            return url
    for beginning, url in ALSO.items():
        if path.startswith(beginning):
            return url
    return "/" if path == "/" or path.startswith("/c/") else ""
