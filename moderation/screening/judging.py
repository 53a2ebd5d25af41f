"""Judging text by a policy's rules: whole, or while it streams.

``screen`` judges a whole text. ``HoldBack`` stands between the model and the reader: it releases text only up to a
boundary, keeps back whatever could still grow into a match, and lets nothing more through once a rule holds or blocks.
What has been released never has to be taken back. It judges at checkpoints that depend on the text alone (every
boundary, and every 160 characters without one), so the outcome is the same however the stream was cut.
A look that fails never means "allow": the policy says whether it holds or blocks.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import regex

from moderation.screening.detectors import Detector
from moderation.screening.normalising import Normalised
from moderation.screening.rules import Rule, Scope

log = logging.getLogger(__name__)

Action = Literal["allow", "annotate", "hold", "block"]
STRENGTH: dict[str, int] = {"allow": 0, "annotate": 1, "hold": 2, "block": 3}
WAITING_CHARACTERS = 160
CHECK_AGAIN_CHARACTERS = 40
BOUNDARY = re.compile(r"""\n|(?<=[.!?…])\s|(?<=[.!?…]["')\]”’»*_])\s|[。！？]""")
UNCHECKED = "This could not be checked, so it waits for a person."


@dataclass(frozen=True)
class Finding:
    """What a detector saw, and where in the original text; ``kind`` is ``failed`` when the look itself failed."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class Verdict:
    """What is to happen, by which rule, and why, in words for the reader."""

    action: Action = "allow"
    rule: str = ""
    reason: str = ""
    due_minutes: int = 240
    findings: tuple[Finding, ...] = ()

    def is_stronger_than(self, other: Verdict) -> bool:
        return STRENGTH[self.action] > STRENGTH[other.action]

    @property
    def stops(self) -> bool:
        """Whether nothing more may reach the reader without a person."""
        return STRENGTH[self.action] >= STRENGTH["hold"]


ALLOW = Verdict()


@dataclass
class _Span:
    """A stretch of normal text to look at. From ``growing`` on, something could still become a match."""

    text: Normalised
    begin: int
    end: int
    is_final: bool
    growing: int = field(init=False)

    def __post_init__(self) -> None:
        self.growing = self.end


@dataclass
class _Watch:
    """A rule at work, with the kinds it has seen so far in this text."""

    rule: Rule
    seen: dict[str, Finding] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)

    def look(self, span: _Span) -> Verdict:
        """The rule's verdict on what it has seen up to the end of ``span``."""
        try:
            for detector in self.rule.detectors():
                self._look_with(detector, span)
        except Exception:
            # Whatever broke in a look, text must not pass because of it.
            log.exception("rule %r could not look", self.rule.name)
            return self._failed(span)
        if sum(self.weights.values()) < 1:
            return ALLOW
        rule = self.rule
        return Verdict(rule.action, rule.name, rule.reason, rule.due_minutes, tuple(self.seen.values()))

    def _look_with(self, detector: Detector, span: _Span) -> None:
        for match in _matches(detector, span):
            if match.partial:
                span.growing = min(span.growing, match.start())
                return
            is_real = detector.is_real is None or detector.is_real(match[0])
            if not span.is_final and match.end() >= span.end - (0 if is_real else 1):
                span.growing = min(span.growing, match.start())
            elif is_real:
                start, end = span.text.place(match.start()), span.text.place(match.end())
                self.seen[detector.kind] = Finding(detector.kind, start, end)
                self.weights[detector.kind] = detector.weight
                if span.is_final:
                    return

    def _failed(self, span: _Span) -> Verdict:
        rule = self.rule
        finding = Finding("failed", span.text.place(span.begin), span.text.place(span.end))
        action: Action = rule.on_failure if rule.action != "annotate" else "annotate"
        return Verdict(action, rule.name, UNCHECKED, rule.due_minutes, (finding,))

    def copy(self) -> _Watch:
        return _Watch(self.rule, dict(self.seen), dict(self.weights))


def _matches(detector: Detector, span: _Span) -> Iterator[regex.Match[str]]:
    found: Iterator[regex.Match[str]] = detector.pattern.finditer(
        span.text.text, span.begin, span.end, overlapped=True, partial=not span.is_final, timeout=detector.seconds
    )
    return found


def screen(text: str, rules: Sequence[Rule], scope: Scope) -> Verdict:
    """Judge a whole text. Of several rules that fire the strongest action wins, of equals the first rule."""
    normal = Normalised(text)
    watches = [_Watch(rule) for rule in rules if rule.applies_to(scope)]
    return _strongest(watches, _Span(normal, 0, len(normal.text), is_final=True))


def _strongest(watches: Sequence[_Watch], span: _Span) -> Verdict:
    strongest = ALLOW
    for watch in watches:
        verdict = watch.look(span)
        if verdict.is_stronger_than(strongest):
            strongest = verdict
    return strongest


class HoldBack:
    """The window through which a streamed answer reaches its reader.

    ``verdict`` is the strongest so far; ``held`` is everything after the last released character once it stops.
    Without a rule that could hold or block an answer, all text passes at once.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.verdict = ALLOW
        self._watches = [_Watch(rule) for rule in rules if rule.applies_to("answer")]
        self._is_open = all(watch.rule.action == "annotate" for watch in self._watches)
        self._text = ""
        self._normal = Normalised()
        self._released = 0
        self._checked = 0
        self._sought = 0
        self._boundaries: list[int] = [0]

    @property
    def held(self) -> str:
        return self._text[self._released :] if self.verdict.stops else ""

    def feed(self, text: str) -> str:
        """Take more of the answer; return what may be released now, perhaps nothing."""
        if not self._watches:
            return text
        self._text += text
        self._normal.grow(text)
        if self._is_open:
            self._released = len(self._text)
            return text
        begin = self._released
        while not self.verdict.stops and (checkpoint := self._next_checkpoint()):
            self._judge(checkpoint)
        return self._text[begin : self._released]

    def finish(self) -> str:
        """The answer is whole: return the rest, or nothing if it is held or blocked."""
        whole = _Span(self._normal, self._normal.index(self._from()), len(self._normal.text), is_final=True)
        self._take(_strongest(self._watches, whole))
        if self.verdict.stops:
            return ""
        rest = self._text[self._released :]
        self._released = len(self._text)
        return rest

    def _from(self) -> int:
        return 0 if self._is_open else self._released

    def _next_checkpoint(self) -> int | None:
        """The next place at which to judge: a boundary, or where enough waits; None until it has arrived."""
        forced = max(self._released + WAITING_CHARACTERS, self._checked + CHECK_AGAIN_CHARACTERS)
        if boundary := BOUNDARY.search(self._text, self._sought, forced):
            self._sought = boundary.end()
            self._boundaries.append(boundary.end())
            return boundary.end()
        self._sought = min(len(self._text), forced)
        return forced if forced <= len(self._text) else None

    def _judge(self, checkpoint: int) -> None:
        self._checked = checkpoint
        begin, end = self._normal.index(self._released), self._normal.index(checkpoint)
        span = _Span(self._normal, begin, end, is_final=False)
        self._take(_strongest(self._watches, span))
        if not self.verdict.stops:
            self._released = self._cut(
                checkpoint, self._normal.place(span.growing) if span.growing < end else checkpoint
            )

    def _take(self, verdict: Verdict) -> None:
        if verdict.is_stronger_than(self.verdict):
            self.verdict = verdict

    def _cut(self, checkpoint: int, safe: int) -> int:
        """How far to release of what is ``safe``: to the last boundary, or to a gap once enough waits."""
        self._boundaries = [place for place in self._boundaries if place > self._released]
        if reached := [place for place in self._boundaries if place <= safe]:
            return reached[-1]
        if checkpoint - self._released < WAITING_CHARACTERS:
            return self._released
        gap = max(self._text.rfind(space, self._released, safe) for space in " \t") + 1
        if gap > self._released:
            return gap
        return safe if self._may_end_at(safe) else self._released

    def _may_end_at(self, place: int) -> bool:
        """Whether the text up to ``place`` is no match by itself, since a word was cut there."""
        span = _Span(self._normal, self._normal.index(self._released), self._normal.index(place), is_final=True)
        return not _strongest([watch.copy() for watch in self._watches], span).stops
