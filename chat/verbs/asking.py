"""Asking: the verbs that put a question and its waiting answer into a conversation.

Both rows and the audit event are written before anybody is told "accepted". Where answers are written in this very
process the new one is its own from the start, and the run gets what was read here; elsewhere it waits in the database
for a process that sweeps. The same client id twice gives the same answer once, so a reader whose line broke may simply
send again. Whatever is asked, or written again, is what the conversation shows from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.limits.counting import within_limits
from accounts.models import User
from app.errors import BadInputError, ConflictError, NotFoundError
from app.inference.models import Model
from app.web.statements import Write, changing, inserting
from chat.composing import briefing
from chat.composing.branches import Said, said_on
from chat.models import Assistant, Conversation, Message
from chat.signals import conversation_changed
from chat.verbs.attaching import bind, take_for_question
from chat.verbs.choosing_models import check_offered
from chat.verbs.standing import Standing, stand
from chat.writing import leases, metering
from chat.writing.runner import runner

MAX_CHARACTERS = 20_000
MAX_JSON_BYTES = 60_000  # "accepted" repeats the question in one frame, which holds 64 KB
TITLE_CHARACTERS = 80


@dataclass(frozen=True)
class Turn:
    """A question and the answer that is being written to it. ``is_new`` is False when it was asked before."""

    question: Message
    answer: Message
    is_new: bool = True


def start_conversation(
    actor: User,
    *,
    assistant: Assistant | None = None,
    model: Model | None = None,
    origin: str = Conversation.Origin.BROWSER,
) -> Conversation:
    """An empty conversation with ``assistant``, or with the default one, and with one of the models it offers, or with
    its own. Raises BadInputError for a model that it does not offer.
    """
    rights.require(actor, "chat.ask")
    assistant = assistant or find_default_assistant(actor)
    if assistant is None:
        raise NotFoundError("No assistant is open to you. Ask an administrator for one.")
    model = check_offered(assistant, model)
    with transaction.atomic():
        conversation = Conversation.objects.create(owner=actor, assistant=assistant, model=model, origin=origin)
        audit.record(
            actor=actor, action="conversation.start", obj=conversation, payload={"assistant": str(assistant.id)}
        )
    return conversation


def find_default_assistant(user: User) -> Assistant | None:
    return Assistant.objects.visible_to(user).first()


def ask(
    actor: User,
    *,
    conversation: Conversation,
    text: str,
    client_id: str | None = None,
    parent_id: UUID | None = None,
    files: Sequence[UUID] = (),
) -> Turn:
    """Put a question after the message ``parent_id``, or after the branch that is shown, with ``files``. Raises what
    ``stand`` and ``take_for_question`` raise, BadInputError, LimitReachedError, or NotFoundError for a parent of
    another conversation. Three statements, and some more for files.
    """
    text = _checked(text)
    standing = stand(actor, conversation)
    said = said_on(conversation.id, end=parent_id, client_id=client_id)
    if parent_id and not any(one.id == parent_id for one in said):
        raise NotFoundError("The message you answer to is not in this conversation.")
    after = parent_id or next((one.id for one in said), None)
    return _ask_once(actor, standing, _question(standing, text, client_id, after), said, files=files)


def edit_question(actor: User, *, question: Message, text: str, client_id: str | None = None) -> Turn:
    """Ask something else in the place of ``question``, be it the first: another branch begins, and the old one stays.
    Files that it went out with go with the new one too. Raises as ``ask``. Three statements, and some more for files.
    """
    if question.role != Message.Role.USER:
        raise BadInputError("Only a question can be edited.")
    text = _checked(text)
    standing = stand(actor, question.conversation)
    said = said_on(question.conversation_id, end=question.id, client_id=client_id)
    edited = _question(standing, text, client_id, question.parent_id)
    files = list(question.files.values_list("pk", flat=True)) if standing.has_files else []
    return _ask_once(actor, standing, edited, said, instead_of=question.id, files=files)


def _ask_once(
    actor: User,
    standing: Standing,
    question: Message,
    said: Sequence[Said],
    *,
    instead_of: UUID | None = None,
    files: Sequence[UUID] = (),
) -> Turn:
    """The turn that begins with ``question``; the one there is, if its client id was used before."""
    client_id = question.client_id
    known = client_id and any(one.client_id == client_id for one in said)
    if client_id and known and (turn := _find_turn(standing.conversation, client_id)):
        return turn
    try:
        with within_limits():
            return _write_turn(actor, standing, question, said, instead_of=instead_of, files=files)
    except IntegrityError:
        # Two frames with one client id at the same moment: the other one won.
        if client_id and (turn := _find_turn(standing.conversation, client_id)):
            return turn
        raise


def _question(standing: Standing, text: str, client_id: str | None, parent_id: UUID | None) -> Message:
    now = timezone.now()
    return Message(
        conversation=standing.conversation,
        parent_id=parent_id,
        role=Message.Role.USER,
        state=Message.State.DONE,
        text=text,
        client_id=client_id,
        created_at=now,
        finished_at=now,
    )


def _write_turn(
    actor: User,
    standing: Standing,
    question: Message,
    said: Sequence[Said],
    *,
    instead_of: UUID | None,
    files: Sequence[UUID],
) -> Turn:
    attached = take_for_question(actor, standing, files) if files else []
    if attached:
        standing = replace(standing, has_files=True)
    answer = _answer_to(question, standing)
    metering.take(actor, standing.conversation, answer, has_files=standing.has_files)
    payload = {
        "conversation": str(standing.conversation.id),
        "question": str(question.id),
        "characters": len(question.text),
    }
    if instead_of:
        payload["instead_of"] = str(instead_of)
    if attached:
        payload["files"] = ",".join(str(file.pk) for file in attached)
    title = standing.conversation.title or _title_of(question.text)
    writes = [inserting([question, answer]), _touching(standing, answer, title=title)]
    _record(actor, writes, action="message.ask", answer=answer, payload=payload)
    if attached:
        bind(question, attached)
    _announce(standing, answer, [Said.of(question), *said])
    return Turn(question, answer)


def regenerate(actor: User, *, answer: Message) -> Message:
    """A new answer beside ``answer``, to the same question. The old one stays."""
    if answer.role != Message.Role.ASSISTANT or answer.parent_id is None:
        raise BadInputError("Only an answer can be written again.")
    if not answer.is_settled:
        raise ConflictError("This answer is still under way. Stop it first.", current={"state": answer.state})
    return write_beside(actor, answer=answer, action="message.regenerate")


def write_beside(actor: User, *, answer: Message, action: str, continues: bool = False) -> Message:
    """Have the question of ``answer`` answered once more; the new answer goes on from the old one's text if it is to
    continue it. Raises what ``stand`` raises, and LimitReachedError. Four statements.
    """
    standing = stand(actor, answer.conversation)
    said = said_on(answer.conversation_id, end=answer.parent_id)
    question = Message.objects.get(children=answer)
    question.conversation = standing.conversation
    with within_limits():
        again = _answer_to(question, standing, continues=answer if continues else None)
        metering.take(actor, standing.conversation, again, has_files=standing.has_files)
        writes = [inserting([again]), _touching(standing, again)]
        _record(actor, writes, action=action, answer=again, payload={"instead_of": str(answer.id)})
        _announce(standing, again, said)
    return again


def _answer_to(question: Message, standing: Standing, continues: Message | None = None) -> Message:
    """A new answer, waiting for a process or this one's already: "accepted" is told by being written."""
    answer = Message(
        conversation=standing.conversation,
        parent=question,
        continues=continues,
        role=Message.Role.ASSISTANT,
        state=Message.State.QUEUED,
        log=[[1, "accepted", None]],
        seq=1,
    )
    if runner.takes_answers:
        leases.take_first(answer)
    return answer


def _touching(standing: Standing, answer: Message, **columns: Any) -> Write:
    """The conversation moves to the top and shows the branch of ``answer``, if it is still there."""
    here = {"id": standing.conversation.id, "deleted_at": None}
    columns |= {"active_at": timezone.now(), "chosen": answer.id}
    return changing(Conversation, here, standing.conversation.sealing(**columns))


def _record(actor: User, writes: Sequence[Write], *, action: str, answer: Message, payload: dict[str, Any]) -> None:
    if not audit.record_with(writes, actor=actor, action=action, obj=answer, payload=payload):
        raise NotFoundError()  # the conversation was deleted this very moment


def _announce(standing: Standing, answer: Message, said: Sequence[Said]) -> None:
    """After commit: begin to write if it is for this process, and tell who watches the conversation."""
    if answer.fence:
        brief = briefing.make(
            answer,
            setup=standing.setup,
            group_ids=standing.group_ids,
            said=said,
            personal=standing.personal,
            has_files=standing.has_files,
        )
        transaction.on_commit(partial(runner.begin_soon, brief))
    transaction.on_commit(
        partial(
            conversation_changed.send,
            sender=Message,
            conversation_id=answer.conversation_id,
            message_id=answer.id,
        )
    )


def _checked(text: str) -> str:
    text = text.replace("\x00", "").strip()
    if not text:
        raise BadInputError("Write a question first.")
    if len(text) > MAX_CHARACTERS:
        raise BadInputError(f"A question can have {MAX_CHARACTERS:,} characters; this has {len(text):,}. Shorten it.")
    if len(orjson.dumps(text)) > MAX_JSON_BYTES:
        raise BadInputError(f"A question can have {MAX_JSON_BYTES:,} bytes as JSON; this has more. Shorten it.")
    return text


def _find_turn(conversation: Conversation, client_id: str) -> Turn | None:
    question = conversation.messages.filter(client_id=client_id).first()
    if question is None:
        return None
    answer = question.children.order_by("created_at", "id").last()
    return Turn(question, answer, is_new=False) if answer else None


def _title_of(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= TITLE_CHARACTERS else first[: TITLE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"
