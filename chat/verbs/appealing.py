"""Appealing: a reader asks, once, that somebody else looks at an answer which was withheld or edited."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts import audit, rights
from accounts.models import User
from app.errors import ConflictError
from chat.models import Message
from chat.streaming import telling
from chat.writing.appealing import hold_again
from chat.writing.finishing import CONTENT_KIND
from moderation.review.appeals import appeal_case

DECIDED = (Message.State.REJECTED, Message.State.EDITED)


def may_appeal(message: Message) -> bool:
    """Whether a person withheld or changed it, for the first time: it was held once."""
    holds = sum(kind == "status" and value["state"] == Message.State.HELD for _seq, kind, value in message.log)
    return message.state in DECIDED and holds == 1


def appeal_answer(actor: User, *, answer: Message, text: str) -> None:
    """Have it held and decided once more, by another person. The second decision is the last.

    Raises BadInputError without words, ConflictError where nothing can be appealed against (any more).
    """
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=answer.pk)
        message = telling.load(answer.pk)
        if message.state not in DECIDED:
            said = _("Only an answer that was withheld or edited by a person can be appealed against.")
            raise ConflictError(said, current={"state": message.state})
        case = appeal_case(actor, content_kind=CONTENT_KIND, content_id=message.pk, text=text)
        hold_again(message, case, gettext_noop("You asked that somebody else looks at it again."))
        audit.record(actor=actor, action="message.appeal", obj=message, payload={"case": str(case.pk)})
