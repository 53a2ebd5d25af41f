"""The two forms of an answer's events on a socket: JSON for programs, HTML fragments for the browser.

Both take batches of events and give frames. The HTML one begins with the whole article, however much of the answer
there already is, and then sends only what changed: closed blocks once, the open block again.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

import orjson
from django.template.loader import render_to_string

from accounts.models import User
from accounts.people.insights import open_into
from app.errors import ParleyError
from app.web.markdown import Parts
from app.web.threads import in_thread
from chat.composing.branches import versions_of
from chat.models import Conversation, Message, Reply
from chat.pages.grounding import grounds_views
from chat.pages.presenting import AnswerView, QuestionView, add_feedback, empty_view, question_view, view_of
from chat.socket.insertions import insertion
from chat.streaming import telling
from chat.streaming.events import MAX_FRAME_BYTES, Event

SUBPROTOCOL = "parley.v1+json"


class Rendering(Protocol):
    """How one socket speaks."""

    replays: bool

    async def frames(self, batch: list[Event], after: int) -> list[str]:
        """Frames for a batch; events up to ``after`` are known to the reader already."""
        ...

    async def title(self, conversation_id: UUID) -> str:
        """A frame that tells the title, or "" where titles are not told."""
        ...

    def turned(self, end: UUID) -> str:
        """A frame that tells which message the branch that is shown ends with, or "" where branches are not told."""
        ...

    async def grounds(self, message_id: UUID) -> str:
        """A frame that tells what supports an answer, looked at once more, or ""."""
        ...

    async def reply(self, message_id: UUID, *, is_here: bool) -> list[str]:
        """Frames that tell what was replied to its reader about an answer, ``is_here``: of this conversation."""
        ...

    async def insights(self, reader: User) -> str:
        """Who may read this reader's conversations now; "" where that is not told."""
        ...

    def refusal(self, error: ParleyError, frame: dict[str, Any]) -> str: ...


class JsonRendering:
    """One frame an event."""

    replays = False

    async def frames(self, batch: list[Event], after: int) -> list[str]:
        return [event.frame for event in batch if event.seq > after]

    async def title(self, conversation_id: UUID) -> str:
        return ""

    def turned(self, end: UUID) -> str:
        return ""

    async def grounds(self, message_id: UUID) -> str:
        return ""

    async def reply(self, message_id: UUID, *, is_here: bool) -> list[str]:
        if not is_here:
            return []
        last = await in_thread(Reply.objects.filter(feedback__message=message_id).last)
        told = {"type": "reply", "message_id": message_id, "seq": 0, "text": last.text if last else ""}
        return [orjson.dumps(told).decode()]

    async def insights(self, reader: User) -> str:
        return ""

    def refusal(self, error: ParleyError, frame: dict[str, Any]) -> str:
        body = {
            "type": "error",
            "message_id": frame.get("message_id"),
            "client_id": frame.get("client_id"),
            "seq": 0,
            "code": error.code,
            "message": error.message,
            "retry": error.retry,
        }
        if error.retry_after is not None:
            body["retry_after"] = error.retry_after
        return orjson.dumps(body).decode()


class HtmlRendering:
    """Out-of-band fragments for htmx. Follows every answer from its beginning, to know which blocks are closed."""

    replays = True

    def __init__(self) -> None:
        self._views: dict[UUID, AnswerView] = {}
        self._shown: set[UUID] = set()

    async def frames(self, batch: list[Event], after: int) -> list[str]:
        if not batch:
            return []
        message_id = batch[0].message_id
        question = None
        if message_id not in self._views:
            self._views[message_id], question = await in_thread(_load_views, message_id)
        view = self._views[message_id]
        batch = [event for event in batch if event.seq > view.seq]  # a late wake follows an ended answer once more
        if not batch:
            return []
        state_before, open_before = view.state, view.open_parts
        closed = "".join([view.apply(event) for event in batch])
        is_judged = batch[-1].type == "done" and batch[-1].data.get("claims") is not None
        if is_judged:
            await in_thread(_look_at_grounds, view)
        if message_id not in self._shown:
            if view.seq <= after:
                return []
            self._shown.add(message_id)
            view.mark_unsupported()
            return self._whole(view, question)
        types: set[str] = {event.type for event in batch}
        parts = self._state(view, state_before, types)
        anew: list[str] = []
        if closed or "done" in types:
            if view.is_redrawn:
                *anew, last = self._anew(view)
                parts.append(last)
            elif closed:
                parts.append(self._append(view, closed))
            parts.append(self._redraw(view))
        elif "delta" in types:
            parts.append(self._grow(view, open_before))
        if types & {"evidence", "citations"}:
            parts.append(render_to_string("chat/_evidence.html", {"m": view, "oob": True}))
        if types & {"status", "done"}:
            parts.append(render_to_string("chat/_review.html", {"m": view, "oob": True}))
        if is_judged:
            parts.append(render_to_string("chat/_grounds.html", {"m": view, "oob": True}))
        if "done" in types:
            parts.append(render_to_string("chat/_actions.html", {"m": view, "oob": True}))
        frames = [*anew, "".join(parts)] if parts else []
        return [*frames, *self._marked(view)] if is_judged else frames

    def _marked(self, view: AnswerView) -> list[str]:
        """The text once more, with the marks that it gets at its end."""
        if not view.mark_unsupported():
            return []
        *pieces, last = self._anew(view)
        return [*pieces, last + self._redraw(view)]

    async def title(self, conversation_id: UUID) -> str:
        conversation = await in_thread(Conversation.objects.get, pk=conversation_id)
        return render_to_string("chat/_title.html", {"conversation": conversation, "oob": True})

    def turned(self, end: UUID) -> str:
        """The page fetches what it shows then, if it does not show it yet."""
        return f'<template data-turned="{end}"></template>'

    async def grounds(self, message_id: UUID) -> str:
        if message_id not in self._views:
            return ""
        view = self._views[message_id]
        await in_thread(_look_at_grounds, view)
        return render_to_string("chat/_grounds.html", {"m": view, "oob": True})

    async def reply(self, message_id: UUID, *, is_here: bool) -> list[str]:
        return await in_thread(_reply_frames, message_id, is_here)

    async def insights(self, reader: User) -> str:
        context = {"insights": await in_thread(open_into, reader), "oob": True}
        return render_to_string("chat/_insights.html", context)

    def refusal(self, error: ParleyError, frame: dict[str, Any]) -> str:
        context = {"error": error, "client_id": frame.get("client_id", "")}
        return render_to_string("chat/_refusal.html", context)

    def _whole(self, view: AnswerView, question: QuestionView | None) -> list[str]:
        frame = render_to_string("chat/_turn.html", {"m": view, "question": question, "oob": True})
        if len(frame.encode()) <= MAX_FRAME_BYTES:
            return [frame]
        blocks, view.html_closed = view.html_closed, ""
        skeleton = render_to_string("chat/_turn.html", {"m": view, "question": question, "oob": True})
        view.html_closed = blocks
        return [skeleton, *(self._append(view, piece) for piece in _split_blocks(blocks))]

    def _state(self, view: AnswerView, before: str, types: set[str]) -> list[str]:
        """The state line, when there is something new to read in it."""
        if view.state == before and not types & {"status", "done", "error"}:
            return []
        return [render_to_string("chat/_state.html", {"m": view, "oob": True})]

    def _grow(self, view: AnswerView, before: Parts) -> str:
        """The open block's new end, when it only became longer; else the whole of it."""
        if added := insertion(before, view.open_parts) if before.words else None:
            place = f"beforeend:#open-{view.id}{added.path}"
            if added.is_rows:
                rows = f'<tbody hx-swap-oob="{place}">{added.html}</tbody>'
                return f'<template id="rows-{view.id}" data-seq="{view.seq}">{rows}</template>'
            return f'<div hx-swap-oob="{place}" data-seq="{view.seq}">{added.html}</div>'
        return self._redraw(view)

    def _redraw(self, view: AnswerView) -> str:
        return f'<div id="open-{view.id}" hx-swap-oob="innerHTML" data-seq="{view.seq}">{view.html_open}</div>'

    def _anew(self, view: AnswerView) -> list[str]:
        """All blocks in place of those that are shown, in pieces that frames can hold."""
        first, *rest = _split_blocks(view.html_closed)
        begin = f'<div id="closed-{view.id}" hx-swap-oob="innerHTML">{first}</div>'
        return [begin, *(self._append(view, piece) for piece in rest)]

    def _append(self, view: AnswerView, html: str) -> str:
        return f'<div hx-swap-oob="beforeend:#closed-{view.id}">{html}</div>'


def _load_views(message_id: UUID) -> tuple[AnswerView, QuestionView | None]:
    message = telling.load(message_id)
    conversation, question = message.conversation, message.parent
    versions = versions_of([message, question] if question else [message])
    view = empty_view(message, conversation.assistant, versions[message.id])
    view.is_last = conversation.chosen_id in (None, message.id)
    add_feedback(view, message)
    files = list(question.files.without_text().order_by("created_at", "pk")) if question else []
    return view, question_view(question, versions[question.id], files) if question else None


def _look_at_grounds(view: AnswerView) -> None:
    message = Message.objects.select_related("conversation__owner", "conversation__assistant").get(pk=view.id)
    conversation = message.conversation
    view.grounds = grounds_views([message], conversation.owner, conversation.assistant).get(message.id)


def _reply_frames(message_id: UUID, is_here: bool) -> list[str]:
    """Where the conversation is open what was said, at the answer; everywhere that there is something to read."""
    message = telling.load(message_id)
    view = view_of(message, message.conversation.assistant)
    context = {"m": view, "conversation": message.conversation, "oob": True, "is_here": is_here}
    toast = render_to_string("chat/_reply_came.html", context)
    return [render_to_string("chat/_replies.html", context), toast] if is_here else [toast]


def _split_blocks(html: str) -> list[str]:
    """Closed blocks in pieces below the limit of a frame, cut only between top-level blocks."""
    pieces: list[str] = []
    current = ""
    for block in html.split("\n<"):
        block = block if not current and not pieces else "\n<" + block
        if len((current + block).encode()) > MAX_FRAME_BYTES * 3 // 4 and current:
            pieces.append(current)
            current = ""
        current += block
    return [*pieces, current]
