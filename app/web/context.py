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
    """One entry of the top bar, its name in English. ``count`` is what waits there for this person."""

    name: str
    url: str
    icon: str
    is_current: bool
    count: int = 0


@dataclass(frozen=True)
class Shell:
    """What ``base.html`` draws around a page."""

    areas: list[Area]


# name, address, icon, the capabilities of which it takes one (empty: anybody signed in)
AREAS = [
    (_("Chat"), "/", "chat", ""),
    (_("Knowledge"), "/knowledge/", "book", ""),
    (_("Review"), "/review/", "review", "moderation.review"),
    (_("Audit"), "/audit/", "audit", "audit.read"),
    (_("Pool"), "/operations/pool/", "server", "pool.administer"),
    (_("Programs"), "/operations/programs/", "key", "accounts.administer"),
    (_("Usage"), "/operations/usage/", "chart", "usage.read"),
    (_("People"), "/people/", "people", "accounts.administer audit.read"),
    (_("Admin"), "/admin/", "settings", "accounts.administer"),
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
    for name, url, icon, needed in AREAS:
        if needed and not held.intersection(needed.split()):
            continue
        counter = _counters.get(name)
        areas.append(Area(name, url, icon, url == at, counter(user) if counter else 0))
    return Shell(areas)


def _area_of(path: str) -> str:
    """The address of the area a page belongs to; account pages belong to none."""
    for _name, url, _icon, _roles in AREAS[1:]:
        if path.startswith(url):
            return url
    for beginning, url in ALSO.items():
        if path.startswith(beginning):
            return url
    return "/" if path == "/" or path.startswith("/c/") else ""
