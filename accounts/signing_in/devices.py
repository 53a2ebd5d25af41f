"""Where somebody is signed in: seen by themselves, and ended from wherever they are.

Each session has a row that says from where it is used. Its id is kept in the session, so that neither a page nor a
socket looks anything up to know whose device it is; when it was last used is noted once in some minutes, and never by
what goes over a socket. Ending a session deletes it and its row, and closes the sockets it opened.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Any, cast

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.models.devices import Device
from accounts.signals import access_ended
from app.errors import NotFoundError

DEVICE = "device"  # the session's word for its device's id
SEEN_EVERY = timedelta(minutes=5)
_REMEMBERED = 10_000


class _Seen:
    """Which devices this process has noted lately: most requests need no statement for it."""

    def __init__(self) -> None:
        self._at: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def is_due(self, device_id: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._at.get(device_id, float("-inf")) < SEEN_EVERY.total_seconds():
                return False
            self._at[device_id] = now
            self._at.move_to_end(device_id)
            if len(self._at) > _REMEMBERED:
                self._at.popitem(last=False)
        return True


_seen = _Seen()


def note_sign_in(request: HttpRequest, user: User) -> Device:
    """A row for the session of this request, which the session names from now on."""
    session = request.session
    if session.session_key is None:
        session.cycle_key()
    where = {"user": user, "agent": _agent(request), "address": _address(request), "seen_at": timezone.now()}
    device, _made = Device.objects.update_or_create(session_key=cast(str, session.session_key), defaults=where)
    session[DEVICE] = str(device.pk)
    _seen.is_due(str(device.pk))
    return device


def note_use(request: HttpRequest, user: User) -> None:
    """That the device of this request is in use; at most one statement in some minutes."""
    device_id = request.session.get(DEVICE)
    if device_id is None:  # signed in before there were devices
        note_sign_in(request, user)
    elif _seen.is_due(device_id):
        Device.objects.filter(pk=device_id).update(
            seen_at=timezone.now(),
            agent=_agent(request),
            address=_address(request),
            session_key=request.session.session_key,
        )


def find_device_id(request: HttpRequest) -> str | None:
    """The device of this request's session."""
    return cast("str | None", request.session.get(DEVICE))


def end_session(*, actor: User, device: Device) -> None:
    """Sign out one of one's own devices. Raises NotFoundError for another's."""
    if device.user_id != actor.pk:
        raise NotFoundError
    with transaction.atomic():
        if _forget([device]):
            audit.record(actor=actor, action="session.end", obj=device, payload={"user": str(actor.pk)})
            tell_session_ended(actor, str(device.pk))


def end_other_sessions(*, actor: User, but: str | None) -> int:
    """Sign out everywhere except where the device ``but`` is; how many sessions that ended."""
    with transaction.atomic():
        here = Q(pk=but) if but else Q()
        others = list(Device.objects.select_for_update().filter(user=actor).exclude(here))
        ended = _forget(others)
        if ended:
            audit.record(actor=actor, action="session.end_others", obj=actor, payload={"ended": ended})
        for device in others:
            tell_session_ended(actor, str(device.pk))
    return ended


def end_sessions_that(user: User, is_meant: Callable[[Mapping[str, Any]], bool]) -> int:
    """End those of this person's sessions whose content says so. Part of a deed, which is audited by its verb."""
    rows = list(Device.objects.select_for_update().filter(user=user))
    sessions = Session.objects.filter(session_key__in=[row.session_key for row in rows])
    kept = {session.session_key: session.get_decoded() for session in sessions}
    meant = [row for row in rows if is_meant(kept.get(row.session_key, {}))]
    _forget(meant)
    for device in meant:
        tell_session_ended(user, str(device.pk))
    return len(meant)


def forget_sessions(user: User) -> None:
    """All of this person's sessions are over. Part of a deed, which says so itself."""
    _forget(list(Device.objects.filter(user=user)))


def forget_session(device_id: str) -> None:
    """The session of this device is over: its person signed out there."""
    Device.objects.filter(pk=device_id).delete()


def forget_ended() -> int:
    """Bookkeeping: remove sessions that have run out, and devices whose session is gone. How many devices went."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    gone = Device.objects.exclude(session_key__in=Session.objects.values("session_key"))
    # A session is written at the end of the request that begins it, its device before.
    return gone.filter(seen_at__lt=timezone.now() - timedelta(hours=1)).delete()[0]


def tell_session_ended(user: User, device_id: str) -> None:
    """Once the transaction is committed, have the lines that this session opened closed."""
    transaction.on_commit(partial(access_ended.send, sender=Device, user_id=user.pk, session=device_id))


def _forget(devices: list[Device]) -> int:
    keys = [device.session_key for device in devices]
    Session.objects.filter(session_key__in=keys).delete()
    Device.objects.filter(session_key__in=keys).delete()
    return len(keys)


def _agent(request: HttpRequest) -> str:
    return "".join(one for one in request.headers.get("User-Agent", "") if one.isprintable())[:300]


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))[:45]


# What browsers call themselves, the more telling names first: most of them also claim to be others.
_BROWSERS = (
    (r"Edg(?:e|A|iOS)?/", "Edge"),
    (r"OPR/|Opera", "Opera"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"HeadlessChrome/|Chrome/|CriOS/|Chromium/", "Chrome"),
    (r"Safari/", "Safari"),
)
_SYSTEMS = (
    (r"iPhone", "iPhone"),
    (r"iPad", "iPad"),
    (r"Android", "Android"),
    (r"CrOS", "ChromeOS"),
    (r"Windows", "Windows"),
    (r"Mac OS X|Macintosh", "macOS"),
    (r"Linux|X11", "Linux"),
)


def describe(agent: str) -> str:
    """A browser and a system as people call them: “Firefox on Windows”."""
    browser = next((name for pattern, name in _BROWSERS if re.search(pattern, agent)), "")
    system = next((name for pattern, name in _SYSTEMS if re.search(pattern, agent)), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("A browser that does not say what it is")
