"""One sign-out for both places: here and at the organisation's provider.

What a provider said of the session it has with somebody is kept in the session it opened here, and goes with it: the
provider's id of it, what it wants to be told when it should end, sealed. So who signs out here can go on to sign out
there, and what the provider says has ended there ends here, whichever browser it was. Nothing of it is in a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypedDict, cast
from urllib.parse import urlencode, urlsplit

from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from accounts import audit
from accounts.models import Device, User
from accounts.signing_in import devices
from accounts.signing_in.providers import OIDC, SignInProvider, find_provider
from accounts.signing_in.sealing import seal, unseal
from app.sealing import CannotUnsealError

AT_PROVIDER = "at_provider"  # the session's word for the session there that it came from
LEFT = "left"  # a signed-out browser's word for where it is still signed in
LEFT_SECONDS = 600


class There(TypedDict):
    """A session at a provider. ``hint`` is sealed: the id token, or SAML's kind of name; ``leave`` is where it ends."""

    provider: str
    uid: str
    sid: str
    hint: str
    leave: str


def there(provider: SignInProvider, *, uid: str, sid: str, hint: str, leave: str) -> There:
    return {"provider": provider.id, "uid": uid, "sid": sid, "hint": seal(hint) if hint else "", "leave": leave}


def note_session_there(session: SessionBase, at: There) -> None:
    """Of a session that has just begun: which one of the provider's it came from."""
    session[AT_PROVIDER] = at
    session.pop(LEFT, None)


def find_session_there(session: SessionBase) -> There | None:
    return cast("There | None", session.get(AT_PROVIDER))


def remember_left(session: SessionBase, at: There) -> None:
    """Of a browser that signed out here: where it may want to sign out as well, for ten minutes."""
    session[LEFT] = at
    session.set_expiry(LEFT_SECONDS)


def find_left(session: SessionBase) -> tuple[SignInProvider, There] | None:
    """Where this browser is still signed in, when that is known and the provider can be told."""
    at = cast("There | None", session.get(LEFT))
    provider = find_provider(at["provider"]) if at else None
    return (provider, at) if at and provider and at["leave"] else None


def address_of_leaving(request: HttpRequest, provider: SignInProvider, at: There) -> str:
    """Where a browser goes to end its session there, and comes back from to the sign-in page."""
    try:
        hint = unseal(at["hint"]) if at["hint"] else ""
    except CannotUnsealError:
        hint = ""
    if provider.kind != OIDC:
        from accounts.signing_in.saml_views import (
            address_of_leaving as by_saml,  # native code, loaded only where it is used
        )

        return by_saml(request, provider, uid=at["uid"], sid=at["sid"], name_format=hint)
    said = {"client_id": provider.client_id, "post_logout_redirect_uri": back_to(request)}
    if hint:
        said["id_token_hint"] = hint
    mark = "&" if urlsplit(at["leave"]).query else "?"
    return f"{at['leave']}{mark}{urlencode(said)}"


def back_to(request: HttpRequest) -> str:
    """Where providers send people who have signed out there."""
    return request.build_absolute_uri(reverse("account_login"))


def end_sessions_of(*, provider: SignInProvider, uid: str, sids: Collection[str]) -> int:
    """End the sessions here that came from these of the provider's; without any, all that came from it as this person.

    ``uid`` is the provider's id of the person; empty where it named only the session. How many ended; one event for
    each person, also for none.
    """
    actor = f"provider:{provider.id}"
    linked = SocialAccount.objects.filter(provider=provider.id)
    users = User.objects.filter(pk__in=linked.filter(uid=uid).values("user") if uid else linked.values("user"))

    def is_meant(said: Mapping[str, Any]) -> bool:
        at = cast("There | None", said.get(AT_PROVIDER))
        if at is None or at["provider"] != provider.id or (uid and at["uid"] != uid):
            return False
        return not sids or at["sid"] in sids

    ended = 0
    with transaction.atomic():
        for user in users if uid else _signed_in(users):
            count = devices.end_sessions_that(user, is_meant)
            ended += count
            if count or uid:
                audit.record(actor=actor, action="session.end_by_provider", obj=user, payload={"ended": count})
    return ended


def refuse(provider: SignInProvider, reason: str) -> None:
    """Somebody asked to end sessions in the provider's name, and could not prove it."""
    with transaction.atomic():
        audit.record(
            actor=f"provider:{provider.id}",
            action="session.end_by_provider",
            outcome="denied",
            payload={"reason": reason[:200]},
        )


def _signed_in(users: Any) -> Any:
    return users.filter(pk__in=Device.objects.values("user"))
