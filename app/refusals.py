"""Errors in the language of the interface they happen in: Parley's JSON under ``/api/``, OpenAI's, SCIM's.

Some requests are refused before any operation of an interface runs, or after one broke: an unknown address, a wrong
method, a body that is too large, a bug. Django answers those with a page, which a program cannot read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import sync_and_async_middleware

from accounts.open_lines import OVER
from accounts.scim.api import MEDIA_TYPE
from accounts.scim.errors import error_body as scim_body
from app.errors import NotSignedInError, ParleyError
from app.web.middleware import error_body
from chat.openai.schemas import error_body as openai_body

Shape = Callable[[ParleyError], dict[str, Any]]
Answer = HttpResponse | Awaitable[HttpResponse]

# What is said of a status that comes without words of ours: (code, sentence, whether trying again may help).
_SAID = {
    400: ("bad_input", "This request cannot be read.", False),
    403: ("not_allowed", "You do not have the right to do this.", False),
    404: ("not_found", "There is nothing here.", False),
    405: ("method_not_allowed", "This address does not take this method.", False),
    413: ("too_large", "This request is too large.", False),
}
_BROKEN = ("failed", "Something broke here. It is not your fault, and it has been logged.", True)


_SHAPES: dict[str, Shape] = {"/api/": error_body, "/v1/": openai_body, "/scim/": scim_body}
_JSON = ("application/json", MEDIA_TYPE)


def access_over(path: str) -> bytes:
    """The last event of a stream whose reader's access has ended."""
    error = NotSignedInError(OVER)
    if path.startswith("/v1/"):
        return b"data: " + orjson.dumps(openai_body(error)) + b"\n\n"
    return b"event: error\ndata: " + orjson.dumps(error_body(error)["error"]) + b"\n\n"


@sync_and_async_middleware
def interface_errors(get_response: Callable[[HttpRequest], Answer]) -> Callable[[HttpRequest], Answer]:
    """Replace a page that says an error by JSON, where a program asked."""
    if iscoroutinefunction(get_response):

        async def answer(request: HttpRequest) -> HttpResponse:
            return _in_json(request, await cast(Awaitable[HttpResponse], get_response(request)))

        return answer
    return lambda request: _in_json(request, cast(HttpResponse, get_response(request)))


def _in_json(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    shape = next((shape for prefix, shape in _SHAPES.items() if request.path_info.startswith(prefix)), None)
    if shape is None or response.status_code < 400 or response.get("Content-Type", "").startswith(_JSON):
        return response
    kind = MEDIA_TYPE if shape is scim_body else "application/json"
    answer = JsonResponse(shape(_said(response.status_code)), status=response.status_code, content_type=kind)
    if "Allow" in response:
        answer["Allow"] = response["Allow"]
    return answer


def _said(status: int) -> ParleyError:
    code, message, retry = _SAID.get(status, _SAID[400] if status < 500 else _BROKEN)
    error = ParleyError(message, code=code)
    error.status, error.retry = status, retry
    return error
