"""What the pages about people have in common: who may, and a deed that says on the next page how it went."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import rights
from accounts.callers import reader
from accounts.models import User
from app.errors import BadInputError, ConflictError, NotAllowedError
from app.web.saying import said


def administrator(request: HttpRequest) -> User:
    """Who has the page open, when they look after people. Raises NotAllowedError, and that is audited."""
    actor = reader(request)
    rights.require(actor, "accounts.administer")
    return actor


def do(request: HttpRequest, deed: Callable[[], object], done: str, *, back: str) -> HttpResponse:
    """Do it and go ``back``, where a line says ``done``, or why not."""
    try:
        deed()
    except (BadInputError, ConflictError, NotAllowedError) as error:
        messages.error(request, said(error.message))
    else:
        messages.success(request, done)
    return redirect(back)
