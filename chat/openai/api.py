"""The OpenAI-compatible face: assistants are its models, and every call is an ordinary question.

So rights, screening, audit and moderation hold as in the browser. A held answer comes back empty with finish reason
``content_filter`` and says in ``parley`` where to look for it later.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils import timezone
from ninja import Router

from accounts import rights
from accounts.callers import caller
from accounts.limits.counting import within_limits
from accounts.limits.spending import spend_on_embedding
from accounts.models import User
from accounts.open_lines import while_open
from app.errors import BadInputError, NotFoundError, ParleyError, UnavailableError
from app.web.threads import in_thread
from chat.models import Assistant, Conversation, Message
from chat.openai import schemas as schemas
from chat.streaming.events import Event
from chat.streaming.following import follow
from chat.verbs.asking import Turn, ask, start_conversation
from chat.verbs.leaving import leave_soon
from knowledge.index.generations import embed_passages, serving_generation

router = Router(tags=["OpenAI-compatible"])

Events = AsyncGenerator[Event, None]
MAX_INPUTS = 256
FINISH = {"done": "stop", "released": "stop", "edited": "stop", "stopped": "stop", "interrupted": "length"}


@router.get("/models", response=schemas.ModelList)
def list_models(request: HttpRequest) -> dict[str, Any]:
    """The assistants you may use, by slug."""
    assistants = Assistant.objects.visible_to(caller(request))
    return {
        "data": [
            {"id": one.slug, "object": "model", "created": int(one.created_at.timestamp()), "owned_by": "parley"}
            for one in assistants
        ]
    }


@router.post("/chat/completions")
async def complete_chat(request: HttpRequest, body: schemas.ChatCompletionIn) -> HttpResponse | StreamingHttpResponse:
    """Ask an assistant. The last message is the question, the ones before it the conversation so far."""
    user = caller(request)
    turn = await in_thread(_ask, user, body)
    events = _events(user, turn)
    if not body.stream:
        return JsonResponse(await while_open(request, _whole(turn, body.model, events)))
    with_usage = bool(body.stream_options and body.stream_options.include_usage)
    response = StreamingHttpResponse(_chunks(turn, body.model, events, with_usage), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


@router.post("/embeddings")
def create_embeddings(request: HttpRequest, body: schemas.EmbeddingIn) -> dict[str, Any]:
    """Vectors of the embedding model that the index uses."""
    user = caller(request)
    rights.require(user, "knowledge.search")
    texts = [body.input] if isinstance(body.input, str) else body.input
    if not texts or len(texts) > MAX_INPUTS:
        raise BadInputError(f'"input" can have 1 to {MAX_INPUTS} texts; this has {len(texts)}.')
    generation = serving_generation()
    used = spend_on_embedding(user, model_name=generation.embedding_name, characters=sum(map(len, texts)))
    vectors = embed_passages(generation, texts)
    return {
        "object": "list",
        "model": generation.embedding_name,
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, body.encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": used.read, "total_tokens": used.read},
    }


def _encoded(vector: np.ndarray[Any, Any], form: str) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]


def _ask(user: User, body: schemas.ChatCompletionIn) -> Turn:
    """Put the conversation so far and its last question into a new conversation."""
    rights.require(user, "chat.ask")  # here, because a refusal recorded inside the transaction would be rolled back
    assistant = Assistant.objects.visible_to(user).filter(slug=body.model).first()
    if assistant is None:
        raise NotFoundError(f"There is no assistant {body.model!r} that you may use.")
    turns = [message for message in body.messages if message.role in ("user", "assistant")]
    if not turns or turns[-1].role != "user":
        raise BadInputError("The last of the messages must be the user's question.")
    with within_limits():
        conversation = start_conversation(user, assistant=assistant, origin=Conversation.Origin.API)
        _import_turns(conversation, turns[:-1])
        return ask(user, conversation=conversation, text=turns[-1].text())


def _import_turns(conversation: Conversation, turns: list[schemas.ChatMessageIn]) -> None:
    parent: UUID | None = None
    rows = []
    for turn in turns:
        now = timezone.now()
        row = Message(
            conversation=conversation,
            parent_id=parent,
            role=turn.role,
            state=Message.State.DONE,
            text=turn.text(),
            created_at=now,
            finished_at=now,
        )
        rows.append(row)
        parent = row.id
    Message.objects.bulk_create(rows)


async def _events(user: User, turn: Turn) -> Events:
    """The answer's events until it is done or waits for a person. Whoever hangs up before has left for good."""
    try:
        async for batch in follow(turn.answer.id):
            for event in batch:
                yield event
                if event.type == "status" and event.data.get("state") == Message.State.HELD:
                    return
    except (asyncio.CancelledError, GeneratorExit):
        leave_soon(user, turn.answer.conversation_id, within=0)
        raise


@dataclass
class _Answer:
    """An answer as its events have told it so far. ``failure`` is set when nothing of it could be written."""

    text: str = ""
    citations: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    state: str = Message.State.HELD
    reason: str = ""
    failure: ParleyError | None = None

    def take(self, event: Event) -> None:
        data = event.data
        if event.type == "delta":
            self.text += data["text"]
        elif event.type == "citations":
            self.citations = data["citations"]
        elif event.type == "status":
            self.reason = data.get("detail", "")
        elif event.type == "error":
            self.failure = UnavailableError(data["message"], code=data["code"])
            if not data["retry"]:
                self.failure.retry, self.failure.retry_after = False, None
        elif event.type == "done":
            self.state, self.usage, self.reason = data["state"], data["usage"], data["reason"]
            if self.state != Message.State.FAILED:
                self.failure = None

    def own_fields(self, turn: Turn) -> dict[str, Any]:
        """What Parley says beyond OpenAI's fields."""
        place = {"message_id": str(turn.answer.id), "state": self.state, "reason": self.reason}
        return {"citations": self.citations, "parley": place}


async def _whole(turn: Turn, model: str, events: Events) -> dict[str, Any]:
    """The answer at once. Raises UnavailableError when nothing of it could be written."""
    answer = _Answer()
    async for event in events:
        answer.take(event)
    if answer.failure:
        raise answer.failure
    message = {"role": "assistant", "content": answer.text}
    choice = {"index": 0, "message": message, "finish_reason": _finish(answer.state)}
    body = _head(turn, model, "chat.completion")
    return body | {"choices": [choice], "usage": _usage(answer.usage)} | answer.own_fields(turn)


async def _chunks(turn: Turn, model: str, events: Events, with_usage: bool) -> AsyncIterator[bytes]:
    base = _head(turn, model, "chat.completion.chunk")
    answer = _Answer()
    async with aclosing(events):
        yield _sse(base | _delta({"role": "assistant"}))
        async for event in events:
            answer.take(event)
            if event.type == "delta":
                yield _sse(base | _delta({"content": event.data["text"]}))
            elif event.type == "status" and event.data.get("state") == "waiting":
                yield b": waiting, %d in line\n\n" % event.data["place"]
    if answer.failure:
        yield _sse(schemas.error_body(answer.failure))
        return
    yield _sse(base | _delta({}, _finish(answer.state)) | answer.own_fields(turn))
    if with_usage:
        yield _sse(base | {"choices": [], "usage": _usage(answer.usage)})
    yield b"data: [DONE]\n\n"


def _head(turn: Turn, model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{turn.answer.id}", "object": kind, "created": int(time.time()), "model": model}


def _delta(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _sse(body: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def _finish(state: str) -> str:
    return FINISH.get(state, "content_filter")


def _usage(usage: dict[str, Any]) -> dict[str, int]:
    tokens_in, tokens_out = usage.get("tokens_in") or 0, usage.get("tokens_out") or 0
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
