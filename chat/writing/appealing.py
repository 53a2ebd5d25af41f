"""What an appeal does to an answer: it is held once more, as it was before the first decision.

What the reader was shown stays. What was kept back comes from the case, which holds a copy, and with it the passages
and what was cited of them, so that a release now gives what a release then would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.composing.evidence import Card, cited_in
from chat.models import Citation, Message
from chat.streaming import telling
from chat.writing.releasing import tell_on_commit, was_edited
from knowledge.models import Passage
from moderation.models import Case


def hold_again(message: Message, case: Case, detail: str) -> None:
    """Inside the appeal's transaction. ``message`` is locked, and as ``telling.load`` reads it."""
    log = telling.frozen(message)
    log_end = telling.append(log, "status", {"state": Message.State.HELD, "detail": detail})
    if was_edited(log):
        message.grounds = None
    message.state, message.held_text = Message.State.HELD, case.answer_waiting
    message.evidence = _cards_again(message.evidence, case.context)
    message.error_code = message.error = ""
    message.log, message.seq, message.finished_at = log, log_end, None
    message.save()
    _cite_again(message, case.answer, case.context)
    tell_on_commit(message, log_end)


def _cards_again(shown: Sequence[dict[str, Any]], context: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cards of the answer: those that its reader was shown as they are, and of the others those of passages. The
    case has no name and no way to what a file said, which was the moderators' to read and not to keep.
    """
    own = {card["number"]: card for card in shown}
    return [own.get(card["number"], card) for card in context if card["number"] in own or card["passage_id"]]


def _cite_again(message: Message, text: str, context: Sequence[dict[str, Any]]) -> None:
    """The citations that a decision took away, of passages that are still there."""
    cards = cited_in(text, [Card.from_json(data) for data in context])
    there = set(Passage.objects.filter(pk__in=[card.passage_id for card in cards]).values_list("pk", flat=True))
    Citation.objects.bulk_create(
        [
            Citation(
                message=message,
                number=card.number,
                passage_id=card.passage_id,
                start=card.start,
                end=card.end,
                quote=card.quote,
            )
            for card in cards
            if card.passage_id in there
        ],
        ignore_conflicts=True,
    )
