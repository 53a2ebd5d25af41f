"""Names every request, so that the audit log, the program's own log and the caller's can be laid side by side; and
answers it in the language of whoever asks.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers

from accounts.audit import request_id
from accounts.languages import ENGLISH, FOR_PROGRAMS, language_for

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


class Language(LocaleMiddleware):
    """Speak the language of the person, the browser or the house. Stands after whatever tells who asks."""

    def process_request(self, request: HttpRequest) -> None:
        accepted = request.headers.get("Accept-Language", "")
        is_program = request.path_info.startswith(FOR_PROGRAMS)
        code = ENGLISH if is_program else language_for(request.user, request.COOKIES, accepted)
        translation.activate(code)
        request.LANGUAGE_CODE = code

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Caches keep one copy a language."""
        if not request.path_info.startswith(FOR_PROGRAMS):
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", translation.get_language() or ENGLISH)
        return response
