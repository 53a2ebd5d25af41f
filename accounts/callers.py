"""Who is calling, typed: ``reader`` for pages behind ``login_required``, ``caller`` for the REST interfaces."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.models import User
from app.errors import NotSignedInError


def reader(request: HttpRequest) -> User:
    """The person who has this page open."""
    if not isinstance(request.user, User):
        raise NotSignedInError()
    return request.user


def caller(request: HttpRequest) -> User:
    """The person a program acts for; set by the interface's authentication."""
    user = getattr(request, "auth", None)
    if not isinstance(user, User):
        raise NotSignedInError()
    return user
