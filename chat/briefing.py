"""What a run needs to know before it writes: read once, in one thread call, then no database until evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts import audit
from accounts.models import User
from app.inference.types import ChatMessage
from chat import prompts
from chat.models import Assistant, Conversation, Message
from knowledge.retrieval.followups import standalone
from moderation.models import PolicyVersion
from moderation.rules import Rule, rules_of

HISTORY_ROWS = 60


@dataclass(frozen=True)
class Brief:
    """A question with all that governs its answer."""

    message: Message
    reader: User
    assistant: Assistant
    question: str
    history: tuple[ChatMessage, ...]
    source_ids: tuple[UUID, ...]
    model_name: str
    system: str
    cache_salt: str
    policy_version: PolicyVersion | None
    rules: Sequence[Rule]

    @property
    def conversation(self) -> Conversation:
        return self.message.conversation

    @property
    def searched(self) -> str:
        """The question as it is searched for: together with the earlier one it leans on, if it does."""
        return standalone(self.question, [turn.content for turn in self.history if turn.role == Message.Role.USER])


def load(message: Message) -> Brief:
    """Read what the run of ``message`` needs."""
    conversation = Conversation.objects.select_related(
        "owner", "assistant__model", "assistant__prompt", "assistant__policy__current"
    ).get(pk=message.conversation_id)
    message.conversation = conversation
    assistant = conversation.assistant
    policy_version = assistant.policy.current if assistant.policy else None
    turns = _turns_before(message)
    default = prompts.DEFAULT if assistant.searches else prompts.FREE
    template = assistant.prompt.template if assistant.prompt else default
    return Brief(
        message=message,
        reader=conversation.owner,
        assistant=assistant,
        question=turns[-1].text if turns else "",
        history=tuple(ChatMessage(turn.role, turn.text) for turn in turns[:-1] if turn.text),
        source_ids=tuple(assistant.sources.values_list("pk", flat=True)),
        model_name=assistant.model.name if assistant.model else "",
        system=prompts.instructions(template, assistant.name),
        cache_salt=_salt_of(conversation.owner),
        policy_version=policy_version,
        rules=rules_of(policy_version) if policy_version else (),
    )


def _salt_of(reader: User) -> str:
    """Keeps prefix caches of other groups apart: how quick a prompt is must not tell that others asked the same."""
    return audit.digest("groups:" + ",".join(sorted(str(group_id) for group_id in reader.group_ids())))


def _turns_before(message: Message) -> list[Message]:
    """The branch that leads to ``message``, oldest first; its own question is last. Held text is never in it."""
    rows = message.conversation.messages.filter(created_at__lte=message.created_at).order_by("-created_at", "-id")
    by_id = {row.id: row for row in rows[:HISTORY_ROWS]}
    branch: list[Message] = []
    at = message.parent_id
    while at in by_id:
        branch.append(by_id[at])
        at = by_id[at].parent_id
    return branch[::-1]
