"""What goes into the cache and comes out of it: JSON, which is only ever data.

Django's own serializer unpickles, and whoever could write to Valkey would run programs in every process that reads.
"""

from __future__ import annotations

from typing import Any

import orjson


class JsonSerializer:
    """For the ``serializer`` of Django's cache in Redis: numbers, strings, lists, and dictionaries of them."""

    def dumps(self, value: Any) -> bytes | int:
        # Redis counts up what is written as a plain number.
        return value if type(value) is int else orjson.dumps(value)

    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)
