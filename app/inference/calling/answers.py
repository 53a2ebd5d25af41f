"""An answer as it is read from a model server's events: its text, its counts, and how it went wrong.

No network here: bytes go in, text comes out. A failure is kept beside the text, so that the text that came before it
in the same read is never lost.
"""

from dataclasses import dataclass, field
from typing import Any

from app.inference.calling.sse import DONE, EventReader
from app.inference.errors import BrokenStreamError, TooLongError, UpstreamError, WrongModelError
from app.inference.types import Target

LONGEST_ANSWER = 4_194_304  # characters
MOST_TOKENS = 1_000_000_000  # no request has more: a server that says so does not know


@dataclass
class Answer:
    """Feed it the body with ``take`` and ``take_end``; ``text()`` gives what has come since it was last asked."""

    target: Target
    is_over: bool = False
    failure: UpstreamError | None = None
    finish_reason: str = ""
    has_reasoned: bool = False
    length: int = 0
    _counts: dict[str, Any] = field(default_factory=dict)
    _parts: list[str] = field(default_factory=list)
    _knows_model: bool = False
    _reader: EventReader = field(default_factory=EventReader)

    @property
    def has_news(self) -> bool:
        return bool(self._parts) or self.is_over

    def text(self) -> str:
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else "".join(parts)

    def take(self, data: bytes) -> None:
        """More of the body. Does nothing once the answer is over."""
        try:
            for event in () if self.is_over else self._reader.feed(data):
                if event is DONE:
                    self.is_over = True
                    return
                self._take_event(event)
        except UpstreamError as error:
            self.fail(error)

    def take_end(self) -> None:
        """The body is whole. Servers may leave out the last line break, and [DONE], once they gave a reason to end."""
        self.take(b"\n")
        if not self.is_over:
            self.fail(None if self.finish_reason else BrokenStreamError("the stream ended in the middle of the answer"))

    def fail(self, error: UpstreamError | None) -> None:
        """End it here. What ended it first counts."""
        if not self.is_over:
            self.is_over, self.failure = True, error

    def count(self, name: str) -> int | None:
        """One of the server's own counts, None where it tells none that can be."""
        return _number(self._counts.get(name))

    @property
    def tokens_cached(self) -> int | None:
        details = self._counts.get("prompt_tokens_details")
        return _number(details.get("cached_tokens")) if isinstance(details, dict) else None

    def _take_event(self, event: dict[str, Any]) -> None:
        if error := event.get("error"):
            raise UpstreamError(f"error event: {str(error)[:500]}")
        try:
            if usage := event.get("usage"):
                self._counts = dict(usage)
            if not (choices := event.get("choices")):
                return
            choice = choices[0]
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            delta = choice.get("delta") or {}
            if not (text := delta.get("content")):
                self.has_reasoned = self.has_reasoned or bool(delta.get("reasoning_content") or delta.get("reasoning"))
                return
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BrokenStreamError(f"unexpected event: {error!r}") from error
        if not isinstance(text, str):
            raise BrokenStreamError("content is not text")
        if not self._knows_model:
            self._check_model(event.get("model"))
        self._parts.append(text.replace("\0", ""))  # which PostgreSQL cannot keep
        self.length += len(text)
        if self.length > LONGEST_ANSWER:
            raise TooLongError(f"over {LONGEST_ANSWER} characters")

    def _check_model(self, name: object) -> None:
        """Servers that we run ourselves say the name they were asked for. Clouds and gateways rename as they like."""
        self._knows_model = True
        wanted = self.target.upstream_name
        if self.target.kind != "openai" and isinstance(name, str) and name and not _is_same_model(name, wanted):
            raise WrongModelError(f"asked for {wanted!r}, answered by {name[:200]!r}")


def _is_same_model(one: str, other: str) -> bool:
    """Equal, or one is the other with a date, a tag or a folder: ``x-2026-01-01``, ``x:latest``, ``org/x``."""
    short, long = sorted((one.rsplit("/", 1)[-1].lower(), other.rsplit("/", 1)[-1].lower()), key=len)
    return long.startswith(short) and not long[len(short) : len(short) + 1].isalnum()


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
        return value
    return None
