"""What the REST interfaces take in: JSON objects and queries without NUL characters, which PostgreSQL cannot keep.

Said once here, so that no operation has to think of it; what each field may be is said by its schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from app.errors import BadInputError


class ObjectParser(Parser):
    """Reads a body that is one JSON object. Raises BadInputError, also for a query with a NUL in it."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise BadInputError("The body is not JSON that can be read.") from error
        if not isinstance(body, dict):
            raise BadInputError("The body must be a JSON object.")
        if b"\\u0000" in request.body and any("\0" in text for text in _texts(body)):
            raise BadInputError("There is a NUL character (\\u0000) in the body. Remove it.")
        return body

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        values = super().parse_querydict(data, list_fields, request)
        if any("\0" in text for text in _texts(values)):
            raise BadInputError("There is a NUL character (%00) in the query. Remove it.")
        return values


def _texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys as well."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each
