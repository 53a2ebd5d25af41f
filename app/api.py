"""The REST interfaces, put together from every package's router.

``/api/v1`` is Parley's own; ``/v1`` speaks OpenAI's language, ``/scim/v2`` that of directories. They differ in the
shape of their errors alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.renderers import JSONRenderer

from accounts.api import router as accounts_router
from accounts.authentication import ApiAuth
from accounts.people.api import router as people_router
from accounts.people.groups_api import router as groups_router
from accounts.programs.api import router as programs_router
from accounts.programs.keys_api import router as keys_router
from accounts.scim.api import MEDIA_TYPE, ScimAuth
from accounts.scim.api import router as scim_router
from accounts.scim.errors import error_body as scim_body
from accounts.scim.errors import status_of as scim_status
from app.bodies import ObjectParser
from app.errors import BadInputError, NotAllowedError, NotSignedInError, ParleyError
from app.operations.pool.api import router as pool_router
from app.operations.usage_api import router as usage_router
from app.web.middleware import error_body
from chat.api import router as chat_router
from chat.files_api import router as files_router
from chat.openai.api import router as openai_router
from chat.openai.schemas import error_body as openai_body
from chat.shares_api import router as shares_router
from knowledge.api import router as knowledge_router
from knowledge.errors import TooLargeError
from moderation.review.api import router as moderation_router

DESCRIPTION = "Everything the pages do, for programs: same rights, same audit, same verbs."

api = NinjaAPI(
    title="Parley",
    version="1",
    description=DESCRIPTION,
    auth=ApiAuth(),
    parser=ObjectParser(),
    urls_namespace="api",
)
for router in (
    *(chat_router, files_router, shares_router, knowledge_router, moderation_router),
    *(accounts_router, keys_router, people_router, groups_router, programs_router, usage_router, pool_router),
):
    api.add_router("", router)

openai_api = NinjaAPI(
    title="Parley, OpenAI-compatible",
    version="1",
    auth=ApiAuth(),
    parser=ObjectParser(),
    urls_namespace="openai",
    docs_url=None,
)
openai_api.add_router("", openai_router)


class ScimRenderer(JSONRenderer):
    media_type = MEDIA_TYPE


scim_api = NinjaAPI(
    title="Parley, SCIM",
    version="2",
    auth=ScimAuth(),
    parser=ObjectParser(),
    renderer=ScimRenderer(),
    urls_namespace="scim",
    docs_url=None,
    openapi_url=None,
)
scim_api.add_router("", scim_router)


def _name_fields(error: ValidationError) -> BadInputError:
    """The first thing that is wrong with a body or a query, in words."""
    first: dict[str, Any] = error.errors[0] if error.errors else {}
    origin, *rest = first.get("loc") or ("body",)
    # The body's own place is followed by the name of the parameter that takes it.
    place = ".".join(str(part) for part in (rest[1:] if origin == "body" else rest)) or f"the {origin}"
    return BadInputError(f"{place}: {first.get('msg', 'is not as described')}.")


def _status_of(error: ParleyError) -> int:
    return error.status


def _answer_errors(on: NinjaAPI, shape: Any, status_of: Callable[[ParleyError], int] = _status_of) -> None:
    def known(request: HttpRequest, error: Any) -> HttpResponse:
        response = on.create_response(request, shape(error), status=status_of(error))
        for name, value in error.headers().items():
            response[name] = value
        return response

    def invalid(request: HttpRequest, error: Any) -> HttpResponse:
        return known(request, _name_fields(error))

    def signed_out(request: HttpRequest, error: Any) -> HttpResponse:
        return known(request, NotSignedInError("Send a valid key as Authorization: Bearer KEY."))

    def http(request: HttpRequest, error: Any) -> HttpResponse:
        if isinstance(error.__cause__, ParleyError):
            return known(request, error.__cause__)  # said while the body was read
        said = NotAllowedError(str(error)) if error.status_code == 403 else BadInputError(str(error))
        said.status = error.status_code
        return known(request, said)

    def too_large(request: HttpRequest, error: Any) -> HttpResponse:
        return known(request, TooLargeError(f"A body may have at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes."))

    on.add_exception_handler(ParleyError, known)
    on.add_exception_handler(ValidationError, invalid)
    on.add_exception_handler(AuthenticationError, signed_out)
    on.add_exception_handler(HttpError, http)
    on.add_exception_handler(RequestDataTooBig, too_large)


_answer_errors(api, error_body)
_answer_errors(openai_api, openai_body)
_answer_errors(scim_api, scim_body, scim_status)
