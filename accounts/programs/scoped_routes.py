"""Which right an address of the interfaces takes, for keys and tokens that have only some of their person's.

The verbs ask ``rights.can`` anyway; this list closes what no verb guards, above all reading. It is asked at the one
door that REST, the OpenAI-compatible interface, event streams and sockets share, and what is not in it is closed to
limited programs, so that a new address is never open by accident.
"""

from __future__ import annotations

import re
from functools import lru_cache

from django.db import transaction

from accounts import audit
from accounts.errors import OutOfScopeError
from accounts.models import User
from accounts.rights import Capability

READ = "GET"
ANY = "[A-Z]+"

# Method, address, and the rights of which it takes one; without any it is open to every key. The first line that fits
# counts.
LINES: tuple[tuple[str, str, tuple[Capability, ...]], ...] = (
    (ANY, "/v1/embeddings", ("knowledge.search",)),
    (ANY, "/v1/.*", ("chat.ask",)),
    (ANY, "/ws/.*", ("chat.ask",)),
    (ANY, "/scim/.*", ("people.provision",)),
    (ANY, "/api/v1/assistants/[^/]+/models", ("pool.administer",)),
    (ANY, "/api/v1/(assistants|conversations|messages|files|shares)(/.*)?", ("chat.ask",)),
    (ANY, "/api/v1/feedback/.*", ("moderation.review", "knowledge.edit_source")),
    ("POST", "/api/v1/sources", ("knowledge.create_source",)),
    (READ, "/api/v1/documents/[^/]+/access", ("knowledge.edit_source", "audit.read")),
    (READ, "/api/v1/(sources|documents)/[^/]+/.*", ("knowledge.edit_source",)),
    (READ, "/api/v1/(sources|source-kinds|documents|passages)(/.*)?", ("knowledge.search",)),
    (ANY, "/api/v1/(sources|documents|passages|syncs|gaps|knowledge)(/.*)?", ("knowledge.edit_source",)),
    (ANY, "/api/v1/search", ("knowledge.search",)),
    (ANY, "/api/v1/index-generations(/.*)?", ("knowledge.rebuild_index",)),
    (ANY, "/api/v1/cases(/.*)?", ("moderation.review",)),
    (ANY, "/api/v1/audit/.*", ("audit.read",)),
    (ANY, "/api/v1/(pool|workers|models)(/.*)?", ("pool.administer",)),
    (READ, "/api/v1/(groups|usage/mine|limits/mine|keys/current)", ()),
    (READ, "/api/v1/insights/mine", ()),
    (ANY, "/api/v1/insights(/.*)?", ("insight.ask", "insight.approve")),
    (ANY, "/api/v1/people/[^/]+/insights", ("insight.ask",)),
    (READ, "/api/v1/(people|roles)(/.*)?", ("accounts.administer", "audit.read")),
    (ANY, "/api/v1/(people|groups)(/.*)?", ("accounts.administer",)),
    (READ, "/api/v1/(usage|limits)", ("usage.read",)),
    (ANY, "/api/v1/limits(/.*)?", ("accounts.administer",)),
)
# Ways to more access, which a limited program never gets.
CLOSED = r"/api/v1/(keys|programs|clients)(/.*)?"


def check_route(user: User, method: str, path: str) -> None:
    """Go on only if the program this person came with may use the address. Raises OutOfScopeError, and records it."""
    scope = user.scope
    if scope is None or not scope.is_limited:
        return
    needed = rights_for(method, path)
    if needed is not None and (not needed or any(scope.allows(one) for one in needed)):
        return
    with transaction.atomic():
        payload = {"key": user.key_id, "needed": sorted(needed or ())}
        audit.record(actor=user, action="key.use", outcome="denied", payload=payload)
    raise OutOfScopeError(scope.what, needed or ())


def rights_for(method: str, path: str) -> tuple[Capability, ...] | None:
    """The rights of which this address takes one; None where it is closed to limited programs."""
    return next((needed for pattern, needed in _compiled() if pattern.fullmatch(f"{method} {path}")), None)


@lru_cache(maxsize=1)
def _compiled() -> list[tuple[re.Pattern[str], tuple[Capability, ...]]]:
    return [(re.compile(f"{method} {path}"), needed) for method, path, needed in LINES]
