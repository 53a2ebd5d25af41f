"""What a sync counts as it goes: every item once, by what became of it, with a reason for each that was not taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

MOST_FAILURES = 1000


class Change(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    RENAMED = "renamed"
    FAILED = "failed"


@dataclass(frozen=True)
class Seen:
    """What became of one item."""

    key: str
    change: Change
    reason: str = ""
    passages: int = 0


Watch = Callable[[Seen], None]


def writable(text: str) -> str:
    """At most 500 characters that any database and terminal takes, whatever a source calls its things."""
    return text.encode(errors="replace").decode().replace("\0", "?")[:500]


@dataclass
class Tally:
    """Counts over one run. Threads add to it at the same time; ``watch`` is told of each item, one at a time."""

    counts: dict[Change, int] = field(default_factory=lambda: dict.fromkeys(Change, 0))
    removed: int = 0
    withheld: int = 0
    total: int | None = None
    passages: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    watch: Watch = lambda seen: None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @property
    def seen(self) -> int:
        return sum(self.counts.values())

    def add(self, seen: Seen) -> None:
        seen = replace(seen, key=writable(seen.key))
        with self._lock:
            self.counts[seen.change] += 1
            self.passages += seen.passages
            if seen.change == Change.FAILED:
                self.failures.append({"key": seen.key, "reason": writable(seen.reason)})
            self.watch(seen)

    def leave_out(self, key: str, reason: str) -> None:
        """Name something that is not taken, and is not counted either."""
        with self._lock:
            self.left_out.append({"key": writable(key), "reason": writable(reason)})

    def take_back(self, change: Change) -> None:
        """An item was counted, and turned out to be something else; it is counted once more after this."""
        with self._lock:
            self.counts[change] -= 1

    def values(self) -> dict[str, Any]:
        """The columns of a sync's row."""
        with self._lock:
            named = [*self.failures, *self.left_out]
            counts = {change.value: count for change, count in self.counts.items()}
        shown = named[:MOST_FAILURES]
        if len(named) > len(shown):
            shown.append({"key": "", "reason": f"And {len(named) - len(shown)} more."})
        return {
            **counts,
            "seen": sum(counts.values()),
            "total": self.total,
            "removed": self.removed,
            "withheld": self.withheld,
            "failures": shown,
        }
