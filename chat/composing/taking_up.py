"""What an answer takes over from one that broke off (see ``continuing``): its text, and its passages by their numbers.

The numbers in the text keep their meaning, because the passages are those of the earlier answer, as far as its reader
would find them today; nothing is searched anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.models import User
from chat.composing.evidence import Card
from chat.models import Message
from knowledge.retrieval.found import Found
from knowledge.retrieval.recalling import recall


@dataclass
class Kept:
    """The text without the blanks at its end, these blanks, and numbered cards, each with its passage."""

    text: str = ""
    gap: str = ""
    cards: Sequence[Card] = ()
    found: Sequence[Found] = ()

    def joined(self, text: str) -> str:
        """More text, the first with the blanks before it, which some models repeat and some do not."""
        gap, self.gap = self.gap, ""
        return text if text[:1].isspace() else gap + text


def take_up(earlier_id: UUID, *, reader: User, source_ids: Sequence[UUID]) -> Kept:
    """The text of an answer, and those of its passages that ``reader`` would still find. Two statements."""
    earlier = Message.objects.only("text", "evidence").get(pk=earlier_id)
    cards = [Card.from_json(data) for data in earlier.evidence]
    found = recall(user=reader, passage_ids=[card.passage_id for card in cards], source_ids=source_ids) if cards else {}
    readable = [card for card in cards if card.passage_id in found]
    text = earlier.text.rstrip()
    return Kept(text, earlier.text[len(text) :], readable, [found[card.passage_id] for card in readable])
