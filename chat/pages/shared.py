"""A shared conversation as one of its readers sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.callers import reader
from app.web.markdown import render as rendered
from chat.composing.withholding import Seen, SeenTurn, as_seen_by
from chat.models import Share
from chat.pages.presenting import passage_url
from chat.verbs.sharing import digest_of, open_share
from knowledge.text.wording import plain


@dataclass(frozen=True)
class TurnView:
    """What ``chat/shared.html`` draws of a question or an answer; ``place`` is its number on the page."""

    turn: SeenTurn
    place: int
    html: str
    at: Any
    cards: list[dict[str, Any]]


@login_required
@never_cache
@require_GET
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """What the link of a share opens, for those it names alone."""
    user = reader(request)
    rows = Share.objects.visible_to(user).select_related("owner", "conversation")
    share = get_object_or_404(rows, digest=digest_of(token))
    seen = as_seen_by(user, share.snapshot, share.note)
    open_share(user, share=share)
    context = {
        "share": share,
        "seen": seen,
        "turns": views_of(seen),
        "taken_at": parse_datetime(seen.taken_at),
        "is_own": share.owner_id == user.pk,
    }
    return render(request, "chat/shared.html", context)


def views_of(seen: Seen) -> list[TurnView]:
    """What ``chat/_shared_turns.html`` draws."""
    return [_view(turn, place) for place, turn in enumerate(seen.turns, 1)]


def _view(turn: SeenTurn, place: int) -> TurnView:
    at = parse_datetime(turn.at)
    if turn.role == "user":
        return TurnView(turn, place, "", at, [])
    cards = [one | {"quote": plain(one["quote"]), "url": passage_url(one)} for one in turn.cited]
    # A number that is closed to the reader leads to the line that says so, not to a source.
    links = {number: f"#closed-{place}-{number}" for number in turn.closed}
    links |= {one["number"]: one["url"] for one in cards}
    return TurnView(turn, place, rendered(turn.text, links), at, cards)
