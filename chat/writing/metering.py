"""What an answer uses up: set aside when it is asked for, measured while a model writes, written down at its end.

Accounts counts and keeps sums and knows nothing of answers; here an answer becomes plain numbers. A model server that
was stopped, or died, has counted nothing: then characters stand for tokens, and ``usage`` says ``estimated``. A quoted
or repeated answer asks no model and costs nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.limits.counting import Need, take_question
from accounts.limits.spending import Spent, record_spending
from accounts.models import User
from app.inference.costing.costs import NOTHING, Tokens, cost_of, counted, most_of, watt_hours_of
from app.inference.costing.occupancy import Stay, staying
from app.inference.costing.pricing import prices_of
from app.inference.types import ChatMessage
from chat.composing import briefing, in_files, prompts
from chat.composing.briefing import Brief
from chat.models import Assistant, Conversation, Message

# What is set aside for a prompt: a token for every three characters of the most that it can have. English has about
# four to a token; in a language with fewer than three, budgets can be overshot by the difference.
CHARACTERS_SET_ASIDE = 3
INSTRUCTIONS_CHARACTERS = 1500
PASSAGES = 6
IMAGE_CHARACTERS = 4500  # what an image costs most models, about 1,500 tokens, put in terms of text


@dataclass(slots=True)
class Meter:
    """What one run has asked of model servers so far. ``read`` and ``written`` are in characters."""

    has_run: bool = False
    read: int = 0
    written: int = 0
    stay: Stay = field(default_factory=Stay)

    @asynccontextmanager
    async def on(self, worker_id: UUID, messages: Sequence[ChatMessage]) -> AsyncIterator[None]:
        """While a server writes; the seconds count however it ends."""
        self.has_run = True
        self.read += sum(len(message.content) + IMAGE_CHARACTERS * len(message.images) for message in messages)
        with staying(worker_id, self.stay):
            yield


@dataclass(frozen=True, slots=True)
class Bill:
    """What an answer used up, and what that comes to. ``cost`` is in the house's currency."""

    model_name: str = ""
    tokens: Tokens = field(default_factory=Tokens)
    seconds: float = 0.0
    cost: Decimal = NOTHING
    watt_hours: float | None = None

    def as_json(self) -> dict[str, Any]:
        """What ``usage`` says of it beside the server's own words."""
        told: dict[str, Any] = {
            "tokens_in": self.tokens.read,
            "tokens_cached": self.tokens.cached,
            "tokens_out": self.tokens.written,
            "seconds": round(self.seconds, 3),
            "cost": float(self.cost),
        }
        if self.watt_hours is not None:
            told["watt_hours"] = self.watt_hours
        return told | ({"estimated": True} if self.tokens.is_estimate else {})


def take(actor: User, conversation: Conversation, answer: Message, *, has_files: bool) -> None:
    """Count a question before its answer is saved, and set aside what it may need: more where ``has_files``, with this
    question or before.

    Raises LimitReachedError where a limit has no room for it.
    """
    answer.key_id = actor.key_id
    take_question(
        actor,
        assistant_id=conversation.assistant_id,
        answer_id=answer.id,
        most=lambda: _most(conversation, answer, has_files=has_files),
    )


def of_lost(brief: Brief, text: str) -> tuple[str, Meter]:
    """The model that a run which died was most likely written by, and what it asked for, by what is left of it.

    Its passages and its seconds are lost.
    """
    if brief.assistant.mode == Assistant.Mode.QUOTE or not brief.models:
        return "", Meter()
    asked = [brief.system, brief.question, *(turn.content for turn in brief.history)]
    return brief.models[0], Meter(has_run=True, read=sum(map(len, asked)), written=len(text))


def bill(meter: Meter, model_name: str, usage: dict[str, Any]) -> Bill:
    """What a run comes to by today's prices. ``usage`` is what the server told, and gets told what was worked out."""
    if not meter.has_run:
        return Bill(model_name)
    told = (usage.get("tokens_in"), usage.get("tokens_cached"), usage.get("tokens_out"))
    tokens = counted(*told, characters_read=meter.read, characters_written=meter.written)
    prices = prices_of(model_name)
    energy = watt_hours_of(prices.watts, meter.stay.share_seconds)
    billed = Bill(model_name, tokens, meter.stay.seconds, cost_of(tokens, prices), energy)
    usage |= billed.as_json()
    return billed


def settle(message: Message, billed: Bill) -> None:
    """Write an ended run into the ledger and give back what was set aside. In the transaction that ends it."""
    conversation = message.conversation
    spent = Spent(
        user_id=conversation.owner_id,
        assistant_id=conversation.assistant_id,
        model_name=billed.model_name,
        key_id=message.key_id,
        tokens=billed.tokens,
        seconds=billed.seconds,
        cost=billed.cost,
        watt_hours=billed.watt_hours or 0.0,
    )
    record_spending(spent, answer_id=message.id)


def _most(conversation: Conversation, answer: Message, *, has_files: bool) -> Need:
    """The most that an answer can need, by any of the models that may write it. Asked only where it is limited."""
    assistant = conversation.assistant
    if assistant.mode == Assistant.Mode.QUOTE or assistant.model is None:
        return Need()
    characters = INSTRUCTIONS_CHARACTERS + _history_characters(conversation, answer)
    characters += sum(map(len, briefing.personal_of(conversation)))
    if assistant.searches:
        characters += PASSAGES * prompts.PASSAGE_CHARACTERS
    if has_files:
        characters += in_files.STRETCHES * prompts.PASSAGE_CHARACTERS + in_files.PICTURES * IMAGE_CHARACTERS
    tokens = Tokens(read=-(-characters // CHARACTERS_SET_ASIDE), written=assistant.max_tokens)
    names = [assistant.model.name, *assistant.fallbacks.values_list("model__name", flat=True)]
    if assistant.canary:
        names.append(assistant.canary.name)
    if conversation.model_id:
        names += assistant.offers_models.filter(pk=conversation.model_id).values_list("name", flat=True)
    return Need(tokens.all, max(most_of(tokens, prices_of(name)) for name in names))


def _history_characters(conversation: Conversation, answer: Message) -> int:
    """Of the last turns, with the question at hand."""
    newest = conversation.messages.order_by("-created_at", "-id").values_list("text", flat=True)
    asked = answer.parent.text if answer.parent else ""
    return len(asked) + sum(len(text) for text in newest[: 2 * prompts.HISTORY_MESSAGES])
