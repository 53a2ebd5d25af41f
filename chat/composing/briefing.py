"""What a run needs to know before it writes: handed over by who asked, or read once by who takes the answer over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts import audit
from accounts.models import User
from app.inference.types import ChatMessage
from chat.composing.branches import Said, said_on
from chat.composing.setups import Setup, load_setup
from chat.models import Assistant, Conversation, Message
from knowledge.retrieval.followups import standalone
from moderation.models import PolicyVersion
from moderation.rules import Rule


@dataclass(frozen=True)
class Brief:
    """A question with all that governs its answer. ``models`` may write it, the first one first."""

    message: Message
    setup: Setup
    question: str
    history: tuple[ChatMessage, ...]
    models: tuple[str, ...]
    cache_salt: str

    @property
    def conversation(self) -> Conversation:
        return self.message.conversation

    @property
    def reader(self) -> User:
        return self.message.conversation.owner

    @property
    def assistant(self) -> Assistant:
        return self.setup.assistant

    @property
    def source_ids(self) -> tuple[UUID, ...]:
        return self.setup.source_ids

    @property
    def system(self) -> str:
        return self.setup.system

    @property
    def policy_version(self) -> PolicyVersion | None:
        return self.setup.policy_version

    @property
    def rules(self) -> Sequence[Rule]:
        return self.setup.rules

    @property
    def searched(self) -> str:
        """The question as it is searched for: together with the earlier one it leans on, if it does."""
        return standalone(self.question, [turn.content for turn in self.history if turn.role == Message.Role.USER])


def make(message: Message, *, setup: Setup, group_ids: Sequence[UUID], said: Sequence[Said]) -> Brief:
    """The brief of an answer, which has its conversation and the owner at hand, from what was said before it."""
    branch = _branch_to(message.parent_id, said)
    return Brief(
        message=message,
        setup=setup,
        question=branch[-1].text if branch else "",
        history=tuple(ChatMessage(one.role, one.text) for one in branch[:-1] if one.text),
        models=setup.models_for(message.conversation_id),
        cache_salt=_salt_of(group_ids),
    )


def load(message: Message) -> Brief:
    """Read what the run of ``message`` needs."""
    conversation = Conversation.objects.select_related("owner").get(pk=message.conversation_id)
    setup = load_setup(conversation.assistant_id)
    conversation.assistant = setup.assistant
    message.conversation = conversation
    said = said_on(conversation.id, end=message.parent_id)
    return make(message, setup=setup, group_ids=conversation.owner.group_ids(), said=said)


def _branch_to(message_id: UUID | None, said: Sequence[Said]) -> list[Said]:
    """The branch that ends with a message, oldest first."""
    by_id = {one.id: one for one in said}
    branch: list[Said] = []
    while message_id and (one := by_id.get(message_id)):
        branch.append(one)
        message_id = one.parent_id
    return branch[::-1]


def _salt_of(group_ids: Sequence[UUID]) -> str:
    """Keeps prefix caches of other groups apart: how quick a prompt is must not tell that others asked the same."""
    return audit.digest("groups:" + ",".join(sorted(str(group_id) for group_id in group_ids)))
