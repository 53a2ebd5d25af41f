"""The two REST interfaces, put together from every package's router.

``/api/v1`` is Parley's own; ``/v1`` speaks OpenAI's language. They differ in the shape of their errors alone.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from accounts.api import router as accounts_router
from accounts.authentication import ApiAuth
from app.errors import BadInputError, NotSignedInError, ParleyError
from app.web.middleware import error_body
from chat.api import router as chat_router
from chat.openai_api import router as openai_router
from knowledge.api import router as knowledge_router
from moderation.api import router as moderation_router

DESCRIPTION = "Everything the pages do, for programs: same rights, same audit, same verbs."

api = NinjaAPI(title="Parley", version="1", description=DESCRIPTION, auth=ApiAuth(), urls_namespace="api")
for router in (chat_router, knowledge_router, moderation_router, accounts_router):
    api.add_router("", router)

openai_api = NinjaAPI(
    title="Parley, OpenAI-compatible", version="1", auth=ApiAuth(), urls_namespace="openai", docs_url=None
)
openai_api.add_router("", openai_router)


def _openai_body(error: ParleyError) -> dict[str, Any]:
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return {"error": {"message": error.message, "type": kind, "code": error.code, "param": None}}


def _name_fields(error: ValidationError) -> BadInputError:
    """The first thing that is wrong with a body, in words."""
    first: dict[str, Any] = error.errors[0] if error.errors else {}
    place = ".".join(str(part) for part in first.get("loc", ())[2:]) or "the body"
    return BadInputError(f"{place}: {first.get('msg', 'is not as described')}.")


def _answer_errors(on: NinjaAPI, shape: Any) -> None:
    def known(request: HttpRequest, error: Any) -> HttpResponse:
        return on.create_response(request, shape(error), status=error.status)

    def invalid(request: HttpRequest, error: Any) -> HttpResponse:
        return known(request, _name_fields(error))

    def signed_out(request: HttpRequest, error: Any) -> HttpResponse:
        return known(request, NotSignedInError("Send a valid key as Authorization: Bearer KEY."))

    def http(request: HttpRequest, error: Any) -> HttpResponse:
        bad = BadInputError(str(error))
        bad.status = error.status_code
        return known(request, bad)

    on.add_exception_handler(ParleyError, known)
    on.add_exception_handler(ValidationError, invalid)
    on.add_exception_handler(AuthenticationError, signed_out)
    on.add_exception_handler(HttpError, http)


_answer_errors(api, error_body)
_answer_errors(openai_api, _openai_body)
