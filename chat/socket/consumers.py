"""The socket of a conversation: takes questions and stops, forwards the events of its answers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import orjson
from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils import timezone, translation

from accounts.audit import request_id
from accounts.auditing.refusals import note_refused_socket
from accounts.languages import language_of_socket
from accounts.models import User
from app.errors import BadInputError, ParleyError
from app.web.threads import in_thread
from chat.models import Conversation
from chat.socket import actions as socket_actions
from chat.socket.renderings import SUBPROTOCOL, HtmlRendering, JsonRendering, Rendering
from chat.streaming.events import MAX_FRAME_BYTES, read_number
from chat.streaming.following import follow
from chat.streaming.groups import lines_of, watchers_of
from chat.verbs import leaving

log = logging.getLogger(__name__)

SIGNED_OUT, NOT_ALLOWED, NOT_FOUND = 4401, 4403, 4404
LONGEST_TIMER = 30 * 24 * 3600.0  # seconds; no line lives as long


class ConversationConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One reader's line to one conversation."""

    conversation: Conversation
    user: User
    rendering: Rendering
    stays = False  # the reader goes on to another page of Parley

    async def connect(self) -> None:
        self._follows: dict[UUID, asyncio.Task[None]] = {}
        self._wakes: dict[UUID, asyncio.Event] = {}
        self._seen: dict[UUID, int] = {}
        self._end: asyncio.TimerHandle | None = None
        self._groups: tuple[str, ...] = ()
        wants_json = SUBPROTOCOL in self.scope.get("subprotocols", [])
        if not wants_json:  # holds for all that this line does: its tasks and threads take it with them
            translation.activate(language_of_socket(self.scope))
        self.rendering = JsonRendering() if wants_json else HtmlRendering()
        protocol = SUBPROTOCOL if wants_json else None
        if self.scope["user"] is None:
            await self._refuse(protocol, NOT_ALLOWED if self.scope.get("is_out_of_scope") else SIGNED_OUT)
            return
        self.user = self.scope["user"]
        conversation_id = self.scope["url_route"]["kwargs"]["conversation_id"]
        # Listened for before it is looked at, and open after both: a reader whose line is open misses nothing.
        self._groups = (watchers_of(conversation_id), lines_of(self.user.id))
        await self._subscribe()
        opened = await in_thread(socket_actions.open_conversation, self.user, conversation_id)
        if opened is None:
            await self._unsubscribe()
            await self._refuse(protocol, NOT_FOUND)
            await in_thread(note_refused_socket, self.user, conversation_id, request_id.get())
            raise StopConsumer  # hears nothing of what came in between
        self.conversation, under_way, newest = opened
        await self.accept(protocol)
        self._end_in_time()
        self._resume(under_way, newest)

    async def _subscribe(self) -> None:
        for group in self._groups:
            await self.channel_layer.group_add(group, self.channel_name)

    async def _unsubscribe(self) -> None:
        for group in self._groups:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def _refuse(self, protocol: str | None, code: int) -> None:
        """Opened first, because a line that never opened has no code to be closed with."""
        await self.accept(protocol)
        await self.close(code)

    def _end_in_time(self) -> None:
        """A line lasts no longer than the key or token that opened it."""
        if until := self.scope.get("until"):
            left = max(0.0, (until - timezone.now()).total_seconds())
            loop = asyncio.get_running_loop()
            self._end = loop.call_later(min(left, LONGEST_TIMER), lambda: loop.create_task(self.close(SIGNED_OUT)))

    def _resume(self, under_way: list[UUID], newest: UUID | None) -> None:
        """Go on with answers under way, and with the newest or the one that is shown last when the reader says how far
        it had come.
        """
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        after = read_number(query.get("after", [""])[0])
        known = UUID(query["message"][0]) if _is_uuid(query.get("message", [""])[0]) else newest
        if after is not None and known in (newest, self.conversation.chosen_id, *under_way) and known:
            self._seen[known] = after
            self._follow(known)
        for message_id in under_way:
            self._follow(message_id)

    async def disconnect(self, code: int) -> None:
        is_reading = any(not task.done() for task in self._follows.values())
        if self._end:
            self._end.cancel()
        for task in self._follows.values():
            task.cancel()
        await self._unsubscribe()
        if code == leaving.GOING_AWAY and is_reading and not self.stays:
            leaving.leave_soon(self.user, self.conversation.id)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Without looking for old connections first, on a thread, for each frame: ``in_thread`` leaves none behind."""
        await getattr(self, get_handler_name(message))(message)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not hasattr(self, "conversation"):
            return
        frame: dict[str, Any] = {}
        try:
            frame = _parse(text_data)
            self.stays = frame.get("type") == "stay"
            if self.stays:
                return
            message_id = await in_thread(socket_actions.perform, self.user, self.conversation, frame)
        except ParleyError as error:
            await self.send(self.rendering.refusal(error, frame))
        else:
            if message_id:
                self._follow(message_id)

    async def conversation_news(self, news: dict[str, Any]) -> None:
        """Somebody, somewhere, began or changed an answer of this conversation."""
        self._follow(UUID(news["message_id"]))

    async def conversation_named(self, _news: dict[str, Any]) -> None:
        """It has a title now, or another one."""
        if frame := await self.rendering.title(self.conversation.id):
            await self.send(frame)

    async def branch_chosen(self, news: dict[str, Any]) -> None:
        """Here or elsewhere its person turned to another branch."""
        if frame := self.rendering.turned(UUID(news["end"])):
            await self.send(frame)

    async def answer_grounds(self, news: dict[str, Any]) -> None:
        """What supports an answer was looked at once more."""
        if frame := await self.rendering.grounds(UUID(news["message_id"])):
            await self.send(frame)

    async def reply_came(self, news: dict[str, Any]) -> None:
        """Somebody replied to what this person thought of an answer, here or in another conversation."""
        is_here = news["conversation_id"] == str(self.conversation.id)
        for frame in await self.rendering.reply(UUID(news["message_id"]), is_here=is_here):
            await self.send(frame)

    async def insight_changed(self, _news: dict[str, Any]) -> None:
        """Somebody may read this person's conversations, or may no more."""
        if frame := await self.rendering.insights(self.user):
            await self.send(frame)

    async def access_ended(self, news: dict[str, Any]) -> None:
        """This person was suspended or given another password, or the key, token or session of this line is over."""
        own = {"key": self.scope.get("key"), "session": self.scope.get("session")}
        if all(own[kind] == news[kind] for kind in own if news[kind]):
            for task in self._follows.values():
                task.cancel()
            await self.close(SIGNED_OUT)

    def _follow(self, message_id: UUID) -> None:
        if message_id in self._wakes:
            self._wakes[message_id].set()
        if message_id not in self._follows or self._follows[message_id].done():
            self._wakes[message_id] = asyncio.Event()
            self._follows[message_id] = asyncio.create_task(self._forward(message_id))

    async def _forward(self, message_id: UUID) -> None:
        after = seen = self._seen.get(message_id, 0)
        try:
            async for batch in follow(message_id, 0 if self.rendering.replays else after, self._wakes[message_id]):
                for frame in await self.rendering.frames(batch, after):
                    await self.send(frame)
                seen = max(after, batch[-1].seq)
        except asyncio.CancelledError:
            raise
        except OSError:
            log.debug("the reader of %s went away while it was told", message_id)
        except Exception:
            # A reader's line must not end the process or stay silent: close it, the page comes back and resumes.
            log.exception("forwarding %s failed", message_id)
            await self.close(1011)
        finally:
            self._seen[message_id] = seen


class NothingHere(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Any other address: says so and closes."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(NOT_FOUND if self.scope["user"] else SIGNED_OUT)


def _parse(text: str | None) -> dict[str, Any]:
    if text is None:
        raise BadInputError("Send text frames with JSON; this one was binary.")
    if len(text.encode()) > MAX_FRAME_BYTES:
        raise BadInputError("A frame can have 64 KB; this one is larger.")
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadInputError("This frame is not JSON.") from error
    if not isinstance(frame, dict):
        raise BadInputError('A frame is an object with a "type".')
    return frame


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
