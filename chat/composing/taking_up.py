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
from chat.composing.in_files import recall_in_files
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
    """The text of an answer, and those of its passages that ``reader`` would still find. Three statements at most."""
    earlier = Message.objects.only("text", "evidence", "conversation").get(pk=earlier_id)
    cards = [Card.from_json(data) for data in earlier.evidence]
    ids = [card.passage_id for card in cards if card.passage_id]
    found = recall(user=reader, passage_ids=ids, source_ids=source_ids) if ids else {}
    spans = {card.number: (card.file_id, card.start) for card in cards if card.file_id}
    recalled = recall_in_files(earlier.conversation_id, list(spans.values())) if spans else []
    in_files = dict(zip(spans, recalled, strict=True))
    kept = [(card, found.get(card.passage_id) if card.passage_id else in_files.get(card.number)) for card in cards]
    readable = [(card, one) for card, one in kept if one is not None]
    text = earlier.text.rstrip()
    gap = earlier.text[len(text) :]
    return Kept(text, gap, [card for card, _ in readable], [one for _, one in readable])
