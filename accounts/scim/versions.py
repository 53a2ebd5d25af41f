"""ETags: a resource's version is a digest of all that it says, so nothing has to count changes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from accounts.scim.errors import ChangedMeanwhileError


def version_of(resource: dict[str, Any]) -> str:
    """Of a resource without its ``meta``."""
    text = json.dumps(resource, sort_keys=True, default=str)
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:20]}"'


def check_version(resource: dict[str, Any], wanted: str | None) -> None:
    """``wanted`` is the header If-Match. Raises ChangedMeanwhileError where the resource is another now."""
    if wanted and not names(wanted, resource["meta"]["version"]):
        raise ChangedMeanwhileError


def names(header: str, version: str) -> bool:
    """Whether If-Match or If-None-Match speaks of this version; weak and strong are one."""
    known = {one.strip().removeprefix("W/") for one in header.split(",")}
    return "*" in known or version.removeprefix("W/") in known
