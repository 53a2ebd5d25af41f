"""Sharing a conversation, and the lists of what one shares and of what is shared with one: all of it plain forms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.callers import reader
from accounts.models import Group, User
from app.errors import BadInputError, ConflictError
from app.web.paging import Page, newest_first
from chat.composing.withholding import heads_seen_by
from chat.models import Conversation, Share, ShareQuerySet
from chat.pages.sidebar import own_conversation, sidebar
from chat.verbs import sharing

ROWS = 30
PEOPLE_SHOWN = 12
DAYS = (1, 7, 30)
USUAL_DAYS = 7
SHOWS = {"own": gettext_lazy("Shared by you"), "with": gettext_lazy("Shared with you")}


@dataclass
class Draft:
    """What the form of a share says so far; ``words`` are those that a person is looked for by."""

    people: list[User] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    until: str = str(USUAL_DAYS)
    day: str = ""
    note: str = ""
    words: str = ""

    @classmethod
    def of(cls, data: QueryDict, user: User) -> Draft:
        """People and groups that this person cannot name are as if they were not there."""
        return cls(
            people=list(sharing.people_within_reach(user).filter(pk__in=_ids(data.getlist("person")))),
            groups=list(Group.objects.visible_to(user).filter(pk__in=_ids(data.getlist("group"))).distinct()),
            until=data.get("until", str(USUAL_DAYS)),
            day=data.get("day", ""),
            note=data.get("note", ""),
            words=data.get("q", "").replace("\x00", "").strip(),
        )

    def expires_at(self) -> datetime:
        """The end of the chosen day, or so many days from now. Raises BadInputError for what is no day."""
        now = timezone.now()
        if self.until != "day":
            if self.until not in map(str, DAYS):
                raise BadInputError(_("Choose until when it can be read."))
            return now + timedelta(days=int(self.until))
        try:
            chosen = date.fromisoformat(self.day)
        except ValueError as error:
            raise BadInputError(_("Choose the day until which it can be read.")) from error
        end = timezone.make_aware(datetime.combine(chosen, time.max))
        last = now + sharing.longest()
        return last if last < end <= last + timedelta(days=1) else end


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def share(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """The form to share a conversation, and what is shared of it. POST with ``find`` only looks for people."""
    user, found = reader(request), _own(request, conversation_id)
    if request.method != "POST":
        return render(request, "chat/share.html", _share_page(request, found, Draft(until=_usual())))
    draft = Draft.of(request.POST, user)
    page = _share_page(request, found, draft)
    if "find" in request.POST:
        return render(request, "chat/share.html", page)
    try:
        made = sharing.share_conversation(
            user,
            conversation=found,
            people=draft.people,
            groups=draft.groups,
            expires_at=draft.expires_at(),
            note=draft.note,
        )
    except (BadInputError, ConflictError) as error:
        return render(request, "chat/share.html", page | {"wrong": error.message}, status=error.status)
    return redirect(f"{reverse('chat:share', args=[found.id])}?made={made.pk}")


@login_required
@require_POST
def people(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """The people that the words written in the form find, with those chosen already, as a fragment."""
    own_conversation(request, conversation_id)
    user = reader(request)
    return render(request, "chat/_share_people.html", _people(user, Draft.of(request.POST, user)))


def _own(request: HttpRequest, conversation_id: UUID) -> Conversation:
    mine = Conversation.objects.visible_to(reader(request)).select_related("assistant__model")
    return get_object_or_404(mine, pk=conversation_id)


def _share_page(request: HttpRequest, found: Conversation, draft: Draft) -> dict[str, Any]:
    user = reader(request)
    shares = list(_with_named(Share.objects.owned_by(user).live().filter(conversation=found).order_by("-created_at")))
    made = next((one for one in shares if str(one.pk) == request.GET.get("made")), None)
    today = timezone.localdate()
    return (
        sidebar(request, found.id)
        | _people(user, draft)
        | {
            "conversation": found,
            "draft": draft,
            "groups": list(Group.objects.visible_to(user).distinct()),
            "chosen_groups": {group.pk for group in draft.groups},
            "periods": [(str(days), _in_days(days)) for days in DAYS if days <= settings.SHARE_MAX_DAYS],
            "most_days": settings.SHARE_MAX_DAYS,
            "first_day": today + timedelta(days=1),
            "last_day": today + timedelta(days=settings.SHARE_MAX_DAYS),
            "rows": [_row(request, one) for one in shares],
            "made": _row(request, made) if made else None,
        }
    )


def _usual() -> str:
    """The period that is chosen at first: a week, or the longest that there is below it."""
    fitting = [days for days in DAYS if days <= min(USUAL_DAYS, settings.SHARE_MAX_DAYS)]
    return str(max(fitting)) if fitting else "day"


def _in_days(days: int) -> str:
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


def _people(user: User, draft: Draft) -> dict[str, Any]:
    """Those chosen, and those within reach that have all of the words in their name or address."""
    within = sharing.people_within_reach(user)
    chosen = {one.pk for one in draft.people}
    matching = within.exclude(pk__in=chosen)
    for word in draft.words.split()[:6]:
        matching = matching.filter(Q(name__icontains=word) | Q(email__icontains=word))
    found = list(matching.order_by(Lower("name"), "email")[: PEOPLE_SHOWN + 1]) if draft.words else []
    return {
        "chosen_people": draft.people,
        "found_people": found[:PEOPLE_SHOWN],
        "has_more_people": len(found) > PEOPLE_SHOWN,
        "words": draft.words,
        "has_colleagues": bool(chosen or found) or within.exists(),
    }


@login_required
@never_cache
@require_GET
def shares(request: HttpRequest) -> HttpResponse:
    """What one shares with others, or what others share with one; the newest first."""
    user = reader(request)
    show = request.GET.get("show", "own")
    rows = Share.objects.shared_with(user) if show == "with" else Share.objects.owned_by(user)
    page: Page[Share] = newest_first(_with_named(rows), by="created_at", limit=ROWS, cursor=request.GET.get("cursor"))
    context: dict[str, Any] = {"show": show if show == "with" else "own", "shows": SHOWS, "next": page.next}
    context["rows"] = [_row(request, one) for one in page.items]
    if show == "with":  # what a title says may be closed to them
        for row, (title, note) in zip(context["rows"], heads_seen_by(user, page.items), strict=True):
            row |= {"title": title, "note": note}
    context["revoked"] = _just_revoked(request)
    return render(request, "chat/shares.html", context)


def _with_named(rows: ShareQuerySet) -> ShareQuerySet:
    return rows.select_related("owner", "conversation").prefetch_related("people", "groups")


def _just_revoked(request: HttpRequest) -> Share | None:
    """What was revoked a moment ago by a plain form, to be offered back."""
    named = _ids([request.GET.get("revoked", "")])
    return Share.objects.owned_by(reader(request)).exclude(revoked_at=None).filter(pk__in=named).first()


@login_required
@require_POST
def revoke(request: HttpRequest, share_id: UUID) -> HttpResponse:
    """At once, with a way back."""
    found = _own_share(request, share_id)
    sharing.revoke_share(reader(request), share=found)
    if request.headers.get("HX-Request"):
        found.refresh_from_db()
        return render(request, "chat/_share_revoked.html", {"row": _row(request, found)})
    return redirect(f"{reverse('chat:shares')}?revoked={found.pk}")


@login_required
@require_POST
def restore(request: HttpRequest, share_id: UUID) -> HttpResponse:
    sharing.restore_share(reader(request), share=_own_share(request, share_id))
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect("chat:shares")


def _own_share(request: HttpRequest, share_id: UUID) -> Share:
    return get_object_or_404(_with_named(Share.objects.owned_by(reader(request))), pk=share_id)


def _row(request: HttpRequest, one: Share) -> dict[str, Any]:
    """A share as the lists draw it, with its link where it can be shown."""
    token = sharing.find_token(one)
    path = reverse("chat:shared", args=[token]) if token else ""
    state = "revoked" if one.revoked_at else "expired" if one.has_expired else "live"
    if one.conversation.deleted_at and state == "live":
        state = "deleted"
    return {
        "share": one,
        "title": one.title,
        "note": one.note,
        "state": state,
        "path": path,
        "link": request.build_absolute_uri(path) if path else "",
        "names": format_html_join(", ", "<bdi>{}</bdi>", ((name,) for name in [*one.groups.all(), *one.people.all()])),
    }


def _ids(texts: Iterable[str]) -> list[UUID]:
    """What of these are ids."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
