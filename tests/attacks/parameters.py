"""Parley's own source, and which names it reads from a request: found out, so that a new one is attacked as well."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.utils.datastructures import MultiValueDict

from app.api import api, openai_api, scim_api

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "accounts", "chat", "knowledge", "moderation")


@cache
def sources() -> dict[Path, ast.Module]:
    """Every module of Parley, parsed."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {path: ast.parse(path.read_text()) for path in files}


@contextmanager
def names_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The names that are read meanwhile from any query or form, whether or not they were sent."""
    read: set[str] = set()

    def noting(original: Callable[..., Any]) -> Callable[..., Any]:
        def note(self: MultiValueDict[str, Any], key: str, *rest: Any) -> Any:
            if isinstance(key, str):
                read.add(key)
            return original(self, key, *rest)

        return note

    with monkeypatch.context() as patch:
        for name in ("__getitem__", "get", "getlist", "__contains__"):
            patch.setattr(MultiValueDict, name, noting(getattr(MultiValueDict, name)), raising=False)
        yield read


@cache
def rest_names() -> dict[str, frozenset[str]]:
    """The names in the query of each REST operation that reads, by its path with every id as ``{}``."""
    return {
        re.sub(r"{[^}]*}", "{}", path): frozenset(
            each["name"] for each in methods["get"].get("parameters", []) if each["in"] == "query"
        )
        for interface in (api, openai_api, scim_api)
        for path, methods in interface.get_openapi_schema()["paths"].items()
        if "get" in methods
    }
