"""REST: conversations, questions and answers, with the same verbs as the pages and the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router, Status

from accounts.callers import caller
from app.errors import BadInputError, NotFoundError
from app.inference.models import Model
from app.web.threads import in_thread
from chat import schemas
from chat.models import Assistant, Conversation, Message
from chat.streaming import telling
from chat.streaming.events import read_number
from chat.streaming.following import follow
from chat.verbs.appealing import appeal_answer, may_appeal
from chat.verbs.asking import ask, edit_question, regenerate, start_conversation
from chat.verbs.choosing import choose_version
from chat.verbs.continuing import continue_answer
from chat.verbs.leaving import reading
from chat.verbs.rating import rate_answer, withdraw_rating
from chat.verbs.replying import reply_to
from chat.verbs.stopping import stop_answer
from chat.writing.finishing import CONTENT_KIND
from moderation.review.standing import standings_of

router = Router(tags=["Chat"])


@router.get("/assistants", response=schemas.AssistantList)
def list_assistants(request: HttpRequest) -> dict[str, Any]:
    """The assistants you may use."""
    mine = Assistant.objects.visible_to(caller(request)).prefetch_related("offers_models")
    return {"items": list(mine), "next": None}


@router.post("/conversations", response={201: schemas.ConversationOut})
def create_conversation(request: HttpRequest, body: schemas.ConversationIn) -> Any:
    """Begin a conversation."""
    user = caller(request)
    assistant = None
    if body.assistant:
        assistant = Assistant.objects.visible_to(user).filter(slug=body.assistant).first()
        if assistant is None:
            raise NotFoundError(f"There is no assistant {body.assistant!r} that you may use.")
    model = Model.objects.filter(name=body.model).first() if body.model else None
    if body.model and model is None:
        raise BadInputError("The assistant offers no model of this name; see its models in the list of assistants.")
    conversation = start_conversation(user, assistant=assistant, model=model, origin=Conversation.Origin.API)
    return Status(201, {"id": conversation.id})


@router.post("/conversations/{uuid:conversation_id}/messages", response={202: schemas.MessageAccepted})
def ask_question(request: HttpRequest, conversation_id: UUID, body: schemas.MessageIn) -> Any:
    """Ask. The answer is written in the background: read its events, or the message until it is done."""
    user = caller(request)
    conversation = Conversation.objects.visible_to(user).filter(pk=conversation_id).first()
    if conversation is None:
        raise NotFoundError()
    turn = ask(
        user,
        conversation=conversation,
        text=body.text,
        client_id=body.client_id,
        parent_id=body.parent_id,
        files=body.files,
    )
    return Status(202, {"id": turn.answer.id})


@router.get("/messages/{uuid:message_id}", response=schemas.MessageOut)
def get_message(request: HttpRequest, message_id: UUID) -> dict[str, Any]:
    """A message as it is now."""
    _message(request, message_id)
    return message_data(telling.load(message_id))


@router.get("/messages/{uuid:message_id}/events")
async def message_events(request: HttpRequest, message_id: UUID) -> StreamingHttpResponse:
    """The answer's events as they happen (text/event-stream). ``Last-Event-ID`` resumes after that event."""
    answer = await in_thread(_answer, request, message_id)
    last = read_number(request.headers.get("Last-Event-ID", "0"))
    if last is None:
        raise BadInputError("Last-Event-ID must be the number of an event.")
    response = StreamingHttpResponse(_sse(answer, last), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


@router.post("/messages/{uuid:message_id}/stop", response={202: schemas.Done})
def stop_message(request: HttpRequest, message_id: UUID) -> Any:
    """Stop an answer; its text so far is kept."""
    stop_answer(caller(request), answer=_answer(request, message_id))
    return Status(202, {"ok": True})


@router.post("/messages/{uuid:message_id}/regenerate", response={202: schemas.MessageAccepted})
def regenerate_message(request: HttpRequest, message_id: UUID) -> Any:
    """Write another answer to the same question."""
    return Status(202, {"id": regenerate(caller(request), answer=_answer(request, message_id)).id})


@router.post("/messages/{uuid:message_id}/edit", response={202: schemas.MessageAccepted})
def edit_message(request: HttpRequest, message_id: UUID, body: schemas.EditIn) -> Any:
    """Ask something else in the place of a question. The old one stays, with what followed it."""
    question = _message(request, message_id)
    turn = edit_question(caller(request), question=question, text=body.text, client_id=body.client_id)
    return Status(202, {"id": turn.answer.id})


@router.post("/messages/{uuid:message_id}/choose", response=schemas.Done)
def choose_message(request: HttpRequest, message_id: UUID) -> dict[str, bool]:
    """Show this version of a question or an answer, and go on from what followed it."""
    choose_version(caller(request), message=_message(request, message_id))
    return {"ok": True}


@router.post("/messages/{uuid:message_id}/continue", response={202: schemas.MessageAccepted})
def continue_message(request: HttpRequest, message_id: UUID) -> Any:
    """Go on with an answer that broke off: another answer that begins with its text."""
    return Status(202, {"id": continue_answer(caller(request), answer=_answer(request, message_id)).id})


@router.post("/messages/{uuid:message_id}/feedback", response=schemas.Done)
def rate_message(request: HttpRequest, message_id: UUID, body: schemas.FeedbackIn) -> dict[str, bool]:
    """Say whether an answer helped."""
    answer = _answer(request, message_id)
    rate_answer(caller(request), answer=answer, value=body.value, reason=body.reason, text=body.text)
    return {"ok": True}


@router.delete("/messages/{uuid:message_id}/feedback", response=schemas.Done)
def withdraw_feedback(request: HttpRequest, message_id: UUID) -> dict[str, bool]:
    """Take back what you thought of an answer, with what was replied to it."""
    withdraw_rating(caller(request), answer=_answer(request, message_id))
    return {"ok": True}


@router.post("/messages/{uuid:message_id}/appeal", response={202: schemas.Done})
def appeal_message(request: HttpRequest, message_id: UUID, body: schemas.AppealIn) -> Any:
    """Ask, once, that another person looks at an answer which was withheld or edited. What they decide is final."""
    appeal_answer(caller(request), answer=_answer(request, message_id), text=body.text)
    return Status(202, {"ok": True})


@router.post("/feedback/{uuid:feedback_id}/reply", response={201: schemas.MadeReply})
def reply_to_feedback(request: HttpRequest, feedback_id: UUID, body: schemas.ReplyIn) -> Any:
    """Reply to a reader: for moderators, and for whoever keeps a source that the answer cited."""
    return Status(201, {"id": reply_to(caller(request), feedback_id=feedback_id, text=body.text).id})


def message_data(message: Message) -> dict[str, Any]:
    """A message as programs get it. Citations of a held answer wait with it."""
    done = telling.done_data(message)
    is_held = message.state == Message.State.HELD
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "parent_id": message.parent_id,
        "role": message.role,
        "continues": message.continues_id,
        "state": message.state,
        "text": message.text,
        "reason": message.error,
        "evidence": telling.shown_evidence(message.log, message.evidence),
        "citations": [] if is_held else telling.facts(message, "citations")["citations"],
        "claims": done["claims"],
        "unsupported": done["unsupported"],
        "review": _review_data(message) if is_held else None,
        "may_appeal": may_appeal(message),
        "feedback": _feedback_data(message),
        "usage": done["usage"],
        "timings": done["timings"],
    }


def _review_data(message: Message) -> dict[str, Any] | None:
    standing = standings_of(CONTENT_KIND, [message.id]).get(message.id)
    return asdict(standing) if standing else None


def _feedback_data(message: Message) -> dict[str, Any] | None:
    given = message.feedback.prefetch_related("replies__author").first()
    if given is None:
        return None
    replies = [
        {
            "id": one.id,
            "text": one.text,
            "by": "a moderator" if one.is_by_moderator else str(one.author),
            "said_at": one.said_at,
            "is_read": one.read_at is not None,
        }
        for one in given.replies.all()
    ]
    return {"value": given.value, "reason": given.reason, "text": given.text, "replies": replies}


async def _sse(answer: Message, after: int) -> AsyncIterator[bytes]:
    with reading(answer.conversation_id):
        async for batch in follow(answer.id, after):
            for event in batch:
                yield b"id: %d\nevent: %s\ndata: %s\n\n" % (
                    event.seq,
                    event.type.encode(),
                    event.frame.encode(),
                )


def _message(request: HttpRequest, message_id: UUID) -> Message:
    message = Message.objects.visible_to(caller(request)).filter(pk=message_id).first()
    if message is None:
        raise NotFoundError()
    return message


def _answer(request: HttpRequest, message_id: UUID) -> Message:
    message = _message(request, message_id)
    if message.role != Message.Role.ASSISTANT:
        raise NotFoundError()
    return message
