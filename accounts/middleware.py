"""Names every request, so that the audit log, the program's own log and the caller's can be laid side by side."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from accounts.audit import request_id

HEADER = "X-Request-ID"
_USABLE = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def name_request(offered: str | None) -> str:
    """The caller's own name for it where that is short and plain, else a random one."""
    return offered if offered and _USABLE.fullmatch(offered) else secrets.token_hex(8)


class RequestId:
    """Keep the request's name for whoever records an event, and give it back in the response's header."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self.is_async:
            return self._answer(request)
        name = name_request(request.headers.get(HEADER))
        token = request_id.set(name)
        try:
            response = cast(HttpResponse, self.get_response(request))
        finally:
            request_id.reset(token)
        response[HEADER] = name
        return response

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        name = name_request(request.headers.get(HEADER))
        token = request_id.set(name)
        try:
            response = await cast(Awaitable[HttpResponse], self.get_response(request))
        finally:
            request_id.reset(token)
        response[HEADER] = name
        return response
