"""Going on with an answer that broke off: a new answer beside it begins with the same text and is written to its end.

The earlier one stays as it is. The new one tells the kept text first, through the hold-back of the policy of now, so
that what is judged and cited is the whole (see ``taking_up`` for what is taken over).
"""

from __future__ import annotations

from accounts.models import User
from app.errors import BadInputError, ConflictError
from chat.models import Assistant, Message
from chat.verbs.asking import write_beside
from chat.verbs.stopping import UNDER_WAY


def continue_answer(actor: User, *, answer: Message) -> Message:
    """A new answer beside ``answer`` that begins with its text and goes on from it.

    For what a model wrote until it was stopped, interrupted, or cut at its greatest length. Raises what ``stand``
    raises, BadInputError for any other answer, and ConflictError while it, or a continuation of it, is under way.
    """
    if not answer.is_settled:
        raise ConflictError("This answer is still under way. Stop it first.", current={"state": answer.state})
    if answer.continuations.filter(state__in=UNDER_WAY).exists():
        raise ConflictError("This answer is being continued already.", current={"state": answer.state})
    if not _broke_off(answer):
        raise BadInputError("Only an answer that a model began and did not end can be continued. Answer again instead.")
    return write_beside(actor, answer=answer, action="message.continue", continues=True)


def _broke_off(answer: Message) -> bool:
    run = answer.generations.order_by("fence").last()
    writes = answer.conversation.assistant.mode == Assistant.Mode.GENERATE
    if not (writes and answer.text and run and run.mode == Assistant.Mode.GENERATE):
        return False
    is_cut = answer.state == Message.State.DONE and run.usage.get("finish_reason") == "length"
    return answer.state in Message.BROKEN_OFF or is_cut
