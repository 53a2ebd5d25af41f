"""A rule of a policy: what it looks for, in what, and what happens then.

Rules are data, written by people: they are read from JSON here, with errors that name the rule and what to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast, get_args

from moderation.errors import PolicyError
from moderation.models import PolicyVersion
from moderation.screening.detectors import SCREENS, Detector, pattern_detector, words_detector
from moderation.screening.normalising import normal_text

Scope = Literal["question", "answer"]
RuleScope = Literal["question", "answer", "both"]
RuleAction = Literal["annotate", "hold", "block"]
FailureAction = Literal["hold", "block"]

MAX_RULES = 50
MAX_WORDS = 500
MAX_WORD_CHARACTERS = 100
MAX_DUE_MINUTES = 7 * 24 * 60
_FIELDS = {"name", "scope", "match", "action", "reason", "due_minutes"}


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule looks for: words, one pattern, or a ready screen (of which ``kinds`` may choose some findings)."""

    by: Literal["words", "pattern", "screen"]
    values: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {self.by: list(self.values) if self.by == "words" else self.values[0]}
        return data | ({"kinds": list(self.kinds)} if self.kinds else {})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``reason`` is what a reader is told; ``on_failure`` is what happens when the look itself fails."""

    name: str
    scope: RuleScope
    match: Match
    action: RuleAction
    reason: str
    due_minutes: int = 240
    on_failure: FailureAction = "hold"

    def applies_to(self, scope: Scope) -> bool:
        return self.scope in ("both", scope)

    def detectors(self) -> tuple[Detector, ...]:
        return _detectors(self.match)

    def as_json(self) -> dict[str, Any]:
        """As it stands in a policy version, which keeps ``on_failure`` once for all of its rules."""
        return {
            "name": self.name,
            "scope": self.scope,
            "match": self.match.as_json(),
            "action": self.action,
            "reason": self.reason,
            "due_minutes": self.due_minutes,
        }


@lru_cache(maxsize=512)
def _detectors(match: Match) -> tuple[Detector, ...]:
    if match.by == "words":
        return (words_detector(match.values),)
    if match.by == "pattern":
        return (pattern_detector(match.values[0]),)
    found = SCREENS[match.values[0]]
    return tuple(detector for detector in found if not match.kinds or detector.kind in match.kinds)


def rules_of(version: PolicyVersion) -> tuple[Rule, ...]:
    """The rules of a policy version. Raises PolicyError if it was not written by ``save_rules``."""
    return read_rules(version.rules, on_failure=version.on_failure)


def read_rules(data: Any, *, on_failure: str = "hold") -> tuple[Rule, ...]:
    """Rules from JSON: a list of objects as ``Rule.as_json`` writes them. Raises PolicyError."""
    if on_failure not in get_args(FailureAction):
        raise PolicyError("When a check fails a policy can hold or block; on_failure must say which.")
    if not isinstance(data, list | tuple) or len(data) > MAX_RULES:
        raise PolicyError(f"Rules are a list of at most {MAX_RULES}.")
    rules = tuple(_read(f"Rule {number}", one, on_failure) for number, one in enumerate(data, 1))
    names = [rule.name for rule in rules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise PolicyError(f"Two rules are called {sorted(twice)[0]!r}; give each its own name.")
    return rules


def _read(label: str, data: Any, on_failure: str) -> Rule:
    if not isinstance(data, Mapping):
        raise PolicyError(f"{label} must be an object with name, scope, match, action and reason.")
    name = _text(label, data, "name", 120)
    label = f"Rule {name!r}"
    if unknown := set(data) - _FIELDS:
        raise PolicyError(f"{label} has a field {sorted(unknown)[0]!r} that does not exist.")
    due = data.get("due_minutes", 240)
    if not isinstance(due, int) or isinstance(due, bool) or not 1 <= due <= MAX_DUE_MINUTES:
        raise PolicyError(f"{label}: due_minutes is a whole number from 1 to {MAX_DUE_MINUTES}.")
    return Rule(
        name=name,
        scope=cast(RuleScope, _choice(label, data, "scope", get_args(RuleScope))),
        match=_read_match(label, data.get("match")),
        action=cast(RuleAction, _choice(label, data, "action", get_args(RuleAction))),
        reason=_text(label, data, "reason", 300),
        due_minutes=due,
        on_failure=cast(FailureAction, on_failure),
    )


def _read_match(label: str, data: Any) -> Match:
    if not isinstance(data, Mapping) or len(set(data) - {"kinds"}) != 1 or ("kinds" in data and "screen" not in data):
        raise PolicyError(f"{label}: match has exactly one of words, pattern or screen (with kinds, if you like).")
    if "words" in data:
        return Match("words", _read_words(label, data["words"]))
    if "pattern" in data:
        match = Match("pattern", (_text(label, data, "pattern", 300),))
        _detectors(match)
        return match
    screen = _choice(label, data, "screen", tuple(SCREENS))
    known = [detector.kind for detector in SCREENS[screen]]
    kinds = data.get("kinds", ())
    if not isinstance(kinds, list | tuple) or any(kind not in known for kind in kinds):
        raise PolicyError(f"{label}: kinds of {screen} are {', '.join(known)}.")
    return Match("screen", (screen,), tuple(kinds))


def _read_words(label: str, data: Any) -> tuple[str, ...]:
    if not isinstance(data, list | tuple) or not 1 <= len(data) <= MAX_WORDS:
        raise PolicyError(f"{label}: words is a list of 1 to {MAX_WORDS} words or phrases.")
    for word in data:
        if not isinstance(word, str) or len(word) > MAX_WORD_CHARACTERS:
            raise PolicyError(f"{label}: a word or phrase has at most {MAX_WORD_CHARACTERS} characters.")
        if not normal_text(word).strip().removesuffix("*").strip():
            raise PolicyError(f"{label}: a word or phrase has at least one visible character, not only {word!r}.")
    return tuple(data)


def _text(label: str, data: Mapping[str, Any], field: str, most: int) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise PolicyError(f"{label}: {field} is a text of 1 to {most} characters.")
    return value.strip()


def _choice(label: str, data: Mapping[str, Any], field: str, choices: tuple[str, ...]) -> str:
    value = data.get(field)
    if value not in choices:
        raise PolicyError(f"{label}: {field} is one of {', '.join(choices)}.")
    return cast(str, value)
