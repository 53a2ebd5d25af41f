"""An answer as a page shows it, folded from its events: the same fold for a page, a reload and a running stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from app.web.markdown import Growing, Parts
from app.web.marking import render_marked
from app.web.saying import written
from chat.composing.branches import Versions
from chat.models import Assistant, Attachment, Feedback, Message, Reply
from chat.pages.grounding import GroundsView
from chat.pages.waiting import WaitView
from chat.streaming import telling
from chat.streaming.events import Event
from knowledge.text.wording import plain

UNDER_WAY = ("queued", "reading", "searching", "waiting", "writing", "running")
SMALL_SUM = Decimal("0.01")


@dataclass
class AnswerView:
    """What ``chat/_answer.html`` and its parts draw. ``is_last``: the branch that is shown ends with it."""

    id: UUID
    parent_id: UUID | None
    versions: Versions | None
    assistant_name: str
    mode: str
    model_name: str
    is_demonstration: bool
    created_at: datetime
    role: str = "assistant"
    is_last: bool = False
    state: str = "queued"
    detail: str = ""
    place: int = 0
    wait_seconds: float | None = None
    continues: bool = False
    text: str = ""
    html_closed: str = ""
    is_redrawn: bool = False
    seq: int = 0
    error: str = ""
    error_code: str = ""
    finished_at: datetime | None = None
    evidence: list[dict[str, Any]] = field(default_factory=list)
    citations: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, Any] = field(default_factory=dict)
    rating: int | None = None
    rating_reason: str = ""
    rating_text: str = ""
    replies: list[Reply] = field(default_factory=list)
    grounds: GroundsView | None = None
    unsupported: list[dict[str, int]] = field(default_factory=list)
    standing: WaitView | None = None
    holds: int = 0
    complaints: ClassVar[Sequence[tuple[str, object]]] = Feedback.Reason.choices
    praises: ClassVar[Sequence[tuple[str, object]]] = Feedback.Praise.choices
    growing: Growing = field(default_factory=Growing)
    _marked_open: str | None = None

    @property
    def html_open(self) -> str:
        return self.growing.open_html() if self._marked_open is None else self._marked_open

    @property
    def reasons(self) -> Sequence[tuple[str, object]]:
        return self.praises if self.rating == 1 else self.complaints

    @property
    def unread(self) -> bool:
        return any(reply.read_at is None for reply in self.replies)

    @property
    def may_appeal(self) -> bool:
        """Whether a person withheld or changed it, for the first time; see ``verbs.appealing``."""
        return self.state in (Message.State.REJECTED, Message.State.EDITED) and self.holds == 1

    @property
    def is_decided_twice(self) -> bool:
        return self.holds > 1 and self.state in (Message.State.REJECTED, Message.State.EDITED, Message.State.RELEASED)

    @property
    def open_parts(self) -> Parts:
        return self.growing.open_parts()

    @property
    def passage_count(self) -> int:
        """How many passages the cards are from; several quotes may be from one."""
        return len({passage["passage_id"] or passage["url"] for passage in self.evidence})

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def wait_words(self) -> str:
        """How long the wait may be, in words; empty while nobody knows."""
        if not self.wait_seconds:
            return ""
        if self.wait_seconds < 90:
            return _("%(seconds)s s") % {"seconds": f"{self.wait_seconds:.0f}"}
        return _("%(minutes)s min") % {"minutes": f"{self.wait_seconds / 60:.0f}"}

    @property
    def may_continue(self) -> bool:
        """Whether it broke off in what a model wrote: see ``continuing.continue_answer``."""
        is_cut = self.state == Message.State.DONE and self.usage.get("finish_reason") == "length"
        return bool(self.text) and self.mode == Assistant.Mode.GENERATE and (self.state in Message.BROKEN_OFF or is_cut)

    @property
    def written_by(self) -> str:
        """The model that wrote it: of a chain, or on trial, it may be another than the assistant's."""
        return str(self.usage.get("model") or self.model_name)

    @property
    def is_by_another(self) -> bool:
        return bool(self.model_name) and self.written_by != self.model_name

    @property
    def repeated_from(self) -> datetime | None:
        """When the same question was answered in these very words, if they were told again."""
        at = self.usage.get("repeated_from")
        return datetime.fromisoformat(at) if at else None

    @property
    def cost(self) -> str:
        """What it cost, with as many digits as a small sum needs; empty when that is not known, or was nothing."""
        amount = Decimal(str(self.usage.get("cost") or 0))
        digits = 2 if amount >= SMALL_SUM else 6
        return f"{written(amount, digits)} {settings.CURRENCY}" if amount else ""

    def apply(self, event: Event) -> str:
        """Take an event in; return the HTML of the blocks it closed."""
        self.seq = event.seq
        data = event.data
        if event.type == "status":
            self.state, self.detail = data["state"], data.get("detail", "")
            self.error = self.error_code = ""
            self.holds += data["state"] == Message.State.HELD
            self.place, self.wait_seconds = data.get("place", 0), data.get("seconds")
        elif event.type == "evidence":
            self._show(data["passages"])
        elif event.type == "delta":
            return self._grow(data["text"])
        elif event.type == "citations":
            self.citations = data["citations"]
            self._mark_cited()
        elif event.type == "error":
            self.error_code, self.error = data["code"], data["message"]
        elif event.type == "done":
            self.state, self.usage, self.timings = data["state"], data["usage"], data["timings"]
            self.error = self.error or data.get("reason", "")
            self.unsupported = data.get("unsupported", [])
            self.finished_at = self.finished_at or timezone.now()
            self._finish()
        return ""

    def _finish(self) -> None:
        """Draw all blocks anew where what came last changes closed ones."""
        whole = self.growing.finish(self.text, self.html_closed)
        if whole is not None:
            self.html_closed, self.is_redrawn = whole, True

    def _grow(self, text: str) -> str:
        if self.state in ("queued", "reading", "searching", "waiting"):
            self.state = "writing"
        self.text += text
        closed = self.growing.add(text)
        self.html_closed += closed
        return closed

    def mark_unsupported(self) -> bool:
        """Draw the sentences that no passage supports as such; whether there are any. All else stays as it is drawn."""
        if not self.unsupported:
            return False
        spans = [(one["start"], one["end"]) for one in self.unsupported]
        note, growing = _("No passage supports this."), self.growing
        self.html_closed = render_marked(self.text, spans, note, growing.links, name=growing.name)
        self._marked_open = ""
        return True

    def _show(self, passages: list[dict[str, Any]]) -> None:
        self.evidence = [
            passage
            | {"quote": plain(passage["quote"]), "url": passage_url(passage), "is_cited": False}
            | {"source_words": "" if passage.get("file_id") else passage["source"]}
            for passage in passages
        ]
        self.growing.links = {passage["number"]: passage["url"] for passage in self.evidence}

    def _mark_cited(self) -> None:
        cited = {citation["number"] for citation in self.citations}
        for passage in self.evidence:
            passage["is_cited"] = passage["number"] in cited


@dataclass(frozen=True)
class QuestionView:
    """What ``chat/_question.html`` draws."""

    id: UUID
    parent_id: UUID | None
    versions: Versions | None
    text: str
    created_at: datetime
    role: str = "user"
    files: Sequence[Attachment] = ()


def passage_url(passage: dict[str, Any]) -> str:
    """The address that opens a passage with the quoted span marked."""
    if file_id := passage.get("file_id"):
        path = reverse("chat:file", args=[file_id])
    else:
        path = reverse("knowledge:passage", args=[passage["passage_id"]])
    return path + "?" + urlencode({"start": passage["start"], "end": passage["end"]})


def question_view(
    question: Message, versions: Versions | None = None, files: Sequence[Attachment] = ()
) -> QuestionView:
    return QuestionView(question.id, question.parent_id, versions, question.text, question.created_at, files=files)


def empty_view(message: Message, assistant: Assistant, versions: Versions | None = None) -> AnswerView:
    """A view of an answer that has told nothing yet."""
    model = assistant.model
    return AnswerView(
        id=message.id,
        parent_id=message.parent_id,
        versions=versions,
        assistant_name=assistant.name,
        mode=assistant.mode,
        model_name=model.name if model else "",
        is_demonstration=bool(model and model.is_demonstration),
        created_at=message.created_at,
        continues=message.continues_id is not None,
        growing=Growing(name=str(message.id)),
    )


def view_of(message: Message, assistant: Assistant, versions: Versions | None = None) -> AnswerView | QuestionView:
    """A message as a page shows it. An answer needs what ``telling.load`` reads."""
    if message.role == Message.Role.USER:
        return question_view(message, versions, list(message.files.all()))
    view = empty_view(message, assistant, versions)
    for event in telling.retell(message):
        view.apply(event)
    view.finished_at = message.finished_at
    view.mark_unsupported()
    add_feedback(view, message)
    return view


def add_feedback(view: AnswerView, message: Message) -> None:
    """What its reader thought of it, and what was replied to them."""
    for one in message.feedback.all():  # only its reader can rate an answer
        view.rating, view.rating_reason, view.rating_text = one.value, one.reason, one.text
        view.replies = list(one.replies.all())
