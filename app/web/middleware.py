"""One place where an expected failure becomes a page, a fragment's notice, or JSON."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from app.errors import BadInputError, NotSignedInError, ParleyError
from app.web.saying import said


def error_body(error: ParleyError, message: str | None = None) -> dict[str, object]:
    """The JSON form of an error: ``{"error": {"code", "message", "retry"}}``, in English unless it says a page's
    ``message``; with what is now where that helps, and
    ``retry_after``, in seconds, where it is known.
    """
    body: dict[str, object] = {"code": error.code, "message": message or error.message, "retry": error.retry}
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
    if current := getattr(error, "current", None):
        body["current"] = current
    return {"error": body}


class ErrorPages:
    """Turn a ``ParleyError`` raised by a view into what its caller can use.

    htmx gets the message in a header beside an empty body, so that the page shows a toast and loses nothing.
    """

    async_capable = False
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> HttpResponse | None:
        """Refuse what PostgreSQL cannot keep, here once, so that no form has to think of it."""
        given = (text for fields in (request.GET, request.POST) for _, texts in fields.lists() for text in texts)
        if any("\0" in text for text in given):
            return self._answer(request, BadInputError("There is a NUL character in what you sent. Remove it."))
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ParleyError):
            return None
        response = self._answer(request, exception)
        for name, value in exception.headers().items():
            response[name] = value
        return response

    def _answer(self, request: HttpRequest, exception: ParleyError) -> HttpResponse:
        if request.headers.get("Accept", "").startswith("application/json"):
            return JsonResponse(error_body(exception, said(exception.message)), status=exception.status)
        if request.headers.get("HX-Request"):
            response = HttpResponse(status=exception.status)
            response["X-Parley-Message"] = quote(said(exception.message))
            response["HX-Reswap"] = "none"
            return response
        if isinstance(exception, NotSignedInError):
            return redirect_to_login(request.get_full_path())
        return render(request, "errors/error.html", {"error": exception}, status=exception.status)
