"""What a frame asks for, as typed values handed to one verb each. Runs in a database thread."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.models import User
from app.errors import BadInputError, NotFoundError, NotSignedInError
from chat.models import Conversation, Message
from chat.verbs.asking import ask, edit_question, regenerate
from chat.verbs.continuing import continue_answer
from chat.verbs.stopping import stop_answer

ACTIONS = ("ask", "edit", "stop", "regenerate", "continue")
UNDER_WAY = [Message.State.QUEUED, Message.State.RUNNING, Message.State.HELD]


def open_conversation(user: User, conversation_id: UUID) -> tuple[Conversation, list[UUID], UUID | None] | None:
    """The conversation if it is this person's, the answers under way in it, and its newest answer."""
    conversation = Conversation.objects.visible_to(user).filter(pk=conversation_id).first()
    if conversation is None:
        return None
    answers = conversation.messages.filter(role=Message.Role.ASSISTANT).order_by("created_at", "id")
    newest = answers.values_list("pk", flat=True).last()
    under_way = answers.filter(state__in=UNDER_WAY).values_list("pk", flat=True)
    return conversation, list(under_way), newest


def perform(user: User, conversation: Conversation, frame: dict[str, Any]) -> UUID | None:
    """Do what ``frame`` asks and return the answer to follow, if there is one. ``user`` opened the socket, perhaps
    long ago: what they may do now is asked anew.
    """
    kind = frame.get("type")
    if kind == "ask":
        return _ask(user, conversation, frame)  # where they stand is asked with the rest
    if kind == "edit":
        return _edit(user, conversation, frame)
    stands = User.objects.filter(pk=user.pk, is_active=True).values_list("roles", "granted").first()
    if stands is None:
        raise NotSignedInError()
    user.roles, user.granted = stands
    if kind == "stop":
        stop_answer(user, answer=_answer(user, conversation, frame))
        return None
    if kind == "regenerate":
        return regenerate(user, answer=_answer(user, conversation, frame)).id
    if kind == "continue":
        return continue_answer(user, answer=_answer(user, conversation, frame)).id
    raise BadInputError(f"Unknown type {str(kind)[:40]!r}; it must be one of: {', '.join(ACTIONS)}.")


def _ask(user: User, conversation: Conversation, frame: dict[str, Any]) -> UUID:
    text, client_id = _question(frame)
    parent_id = _uuid(frame["parent_id"], "parent_id") if frame.get("parent_id") else None
    files = _files(frame.get("files") or [])
    turn = ask(user, conversation=conversation, text=text, client_id=client_id, parent_id=parent_id, files=files)
    return turn.answer.id


def _edit(user: User, conversation: Conversation, frame: dict[str, Any]) -> UUID:
    text, client_id = _question(frame)
    question = _message(user, conversation, frame, Message.Role.USER)
    return edit_question(user, question=question, text=text, client_id=client_id).answer.id


def _question(frame: dict[str, Any]) -> tuple[str, str | None]:
    """The text and the client id of a frame that asks."""
    text, client_id = frame.get("text"), frame.get("client_id")
    if not isinstance(text, str):
        raise BadInputError('"text" must be the question, as a string.')
    if client_id is not None and not _is_client_id(client_id):
        raise BadInputError('"client_id" must be a string of 1 to 64 characters, none of them NUL.')
    return text, client_id


def _files(named: object) -> list[UUID]:
    if not isinstance(named, list) or len(named) > settings.CHAT_FILES_MOST:
        raise BadInputError(f'"files" must be a list of at most {settings.CHAT_FILES_MOST} ids.')
    return [_uuid(one, "files") for one in named]


def _is_client_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 64 and "\0" not in value


def _answer(user: User, conversation: Conversation, frame: dict[str, Any]) -> Message:
    return _message(user, conversation, frame, Message.Role.ASSISTANT)


def _message(user: User, conversation: Conversation, frame: dict[str, Any], role: Message.Role) -> Message:
    message_id = _uuid(frame.get("message_id"), "message_id")
    message = Message.objects.visible_to(user).filter(pk=message_id, role=role, conversation=conversation).first()
    if message is None:
        name = "answer" if role == Message.Role.ASSISTANT else "question"
        raise NotFoundError(f"This {name} is not in this conversation.")
    return message


def _uuid(value: object, name: str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise BadInputError(f'"{name}" must be a UUID.') from error
