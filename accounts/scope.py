"""What a program may do of all that its person may: the rights of its key or token, and the assistants.

It travels with the person that authentication returns (``User.scope``); ``rights.can`` and every ``visible_to`` that
leads to an assistant's answers ask it, so that no edge can forget. A person in their browser has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Scope:
    """``None`` of rights or assistants: all that the person has.

    ``line`` is what the sockets that it opens are known by, and ended by; ``until`` the moment they end by themselves.
    """

    what: str
    capabilities: frozenset[str] | None = None
    assistants: frozenset[UUID] | None = None
    line: str = ""
    until: datetime | None = None

    @classmethod
    def of(
        cls,
        what: str,
        *,
        capabilities: Iterable[str] | None,
        assistants: Iterable[UUID] | None,
        line: str,
        until: datetime | None,
    ) -> Scope:
        return cls(
            what,
            None if capabilities is None else frozenset(capabilities),
            None if assistants is None else frozenset(assistants),
            line,
            until,
        )

    @property
    def is_limited(self) -> bool:
        return self.capabilities is not None or self.assistants is not None

    def allows(self, capability: str) -> bool:
        return self.capabilities is None or capability in self.capabilities
