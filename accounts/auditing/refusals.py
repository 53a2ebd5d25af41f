"""That somebody asked for another's object by its id, and was told that there is nothing (404), is in the log too.

Only of objects that there are: an address that leads nowhere is a slip, and guessing ids finds none. It is looked up
and written after the answer has gone out, so that its time tells nothing; once in ten minutes for a person and object,
and for a person sixty times an hour at most, so that nobody can fill the log with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache, partial
from uuid import UUID

from django.apps import apps
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from redis.exceptions import RedisError

from accounts import audit
from accounts.models import User

log = logging.getLogger(__name__)

OURS = ("accounts", "moderation", "knowledge", "chat", "inference")
# Parts of addresses that are called otherwise than what they are the id of.
CALLED = {
    "file": "attachment",
    "prompt": "savedprompt",
    "first": "version",
    "second": "version",
    "key": "apikey",
    "question": "gapquestion",
    "generation": "indexgeneration",
    "event": "auditevent",
    "person": "user",
    "inner": "group",
    "rule": "retentionrule",
}
ONCE_IN_SECONDS = 600
MOST_AN_HOUR = 60


class RefusedAccess:
    """Middleware: notes 404s of signed-in people at addresses with an id in them."""

    async_capable = False
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code == 404 and request.resolver_match and request.resolver_match.kwargs:
            person = getattr(request, "auth", None) or request.user
            if isinstance(person, User):
                where = {"at": request.resolver_match.route, "method": request.method or ""}
                ids = dict(request.resolver_match.kwargs)
                note = partial(note_refusals, person, ids, where, audit.request_id.get())
                # What a response closes once it has been sent; Django has no public name for it.
                response._resource_closers.append(note)  # type: ignore[attr-defined]
        return response


def note_refusals(person: User, ids: dict[str, object], where: dict[str, str], request_id: str) -> None:
    """Record which objects that there are ``person`` was told not to be there."""
    token = audit.request_id.set(request_id)
    try:
        for name, value in ids.items():
            model = find_model(name)
            if model and model._default_manager.filter(pk=value).exists() and _is_new(person, f"{name}:{value}"):
                with transaction.atomic():
                    label = f"{model._meta.model_name}:{value}"
                    audit.record(actor=person, action="access", obj=label, outcome="denied", payload=where)
    except (DatabaseError, ValueError, ValidationError):
        log.exception("A refusal could not be recorded")
    finally:
        audit.request_id.reset(token)


@lru_cache(maxsize=256)
def find_model(name: str) -> type[models.Model] | None:
    """What ``conversation_id`` in an address is the id of; None for what is no id of ours."""
    called = name.removesuffix("_id")
    if called == name:
        return None
    called = CALLED.get(called, called)
    ours = (model for label in OURS for model in apps.get_app_config(label).get_models())
    return next((model for model in ours if model._meta.model_name == called), None)


def _is_new(person: User, label: str) -> bool:
    """Whether it is to be recorded; where nobody counts, it is."""
    try:
        if not cache.add(f"refused:{person.pk}:{label}", 1, ONCE_IN_SECONDS):
            return False
        hour = f"refused:{person.pk}"
        cache.add(hour, 0, 3600)
        return cache.incr(hour) <= MOST_AN_HOUR
    except (RedisError, ValueError):
        return True


def note_refused_socket(person: User, conversation_id: UUID, request_id: str) -> None:
    note_refusals(person, {"conversation_id": conversation_id}, {"at": "ws/conversations/"}, request_id)
