"""What a run needs to know before it writes: handed over by who asked, or read once by who takes the answer over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts import audit
from accounts.models import User
from app.inference.types import ChatMessage
from chat.composing.branches import Said, said_on
from chat.composing.prompts import UNTOLD, Personal, with_files, with_personal
from chat.composing.setups import Setup, load_setup
from chat.models import Assistant, Conversation, Instructions, Message
from knowledge.retrieval.followups import standalone
from moderation.models import PolicyVersion
from moderation.screening.judging import screen
from moderation.screening.rules import Rule


@dataclass(frozen=True)
class Brief:
    """A question with all that governs its answer. ``models`` may write it, the first one first; ``personal`` is what
    its reader wants them to know; ``has_files``: files were put into the conversation, with this question or before.
    """

    message: Message
    setup: Setup
    question: str
    history: tuple[ChatMessage, ...]
    models: tuple[str, ...]
    cache_salt: str
    personal: Personal = UNTOLD
    has_files: bool = False

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
        system = with_files(self.setup.system) if self.has_files else self.setup.system
        return with_personal(system, self.personal)

    @property
    def sees_images(self) -> bool:
        """Whether the model that is to write sees them."""
        return bool(self.models) and self.models[0] in self.setup.seeing

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


def make(
    message: Message,
    *,
    setup: Setup,
    group_ids: Sequence[UUID],
    said: Sequence[Said],
    personal: Personal,
    has_files: bool = False,
) -> Brief:
    """The brief of an answer, which has its conversation and the owner at hand, from what was said before it."""
    branch = _branch_to(message.parent_id, said)
    personal = _usable(personal, setup)
    return Brief(
        message=message,
        setup=setup,
        question=branch[-1].text if branch else "",
        history=tuple(ChatMessage(one.role, one.text) for one in branch[:-1] if one.text),
        models=setup.models_for(message.conversation_id, message.conversation.model_id),
        cache_salt=_salt_of(group_ids, message.conversation.owner_id if personal or has_files else None),
        personal=personal,
        has_files=has_files,
    )


def load(message: Message) -> Brief:
    """Read what the run of ``message`` needs."""
    conversation = Conversation.objects.select_related("owner").get(pk=message.conversation_id)
    setup = load_setup(conversation.assistant_id)
    conversation.assistant = setup.assistant
    message.conversation = conversation
    said = said_on(conversation.id, end=message.parent_id)
    group_ids, personal = conversation.owner.group_ids(), personal_of(conversation)
    has_files = conversation.files.filter(asked_at__isnull=False).exists()
    return make(message, setup=setup, group_ids=group_ids, said=said, personal=personal, has_files=has_files)


def personal_of(conversation: Conversation) -> Personal:
    """What its owner wants models to know in it. Programs bring their own words, and get none."""
    if conversation.origin != Conversation.Origin.BROWSER:
        return UNTOLD
    row = Instructions.objects.filter(user=conversation.owner_id, is_on=True).values_list("about", "manner").first()
    return Personal(*row) if row else UNTOLD


def _branch_to(message_id: UUID | None, said: Sequence[Said]) -> list[Said]:
    """The branch that ends with a message, oldest first."""
    by_id = {one.id: one for one in said}
    branch: list[Said] = []
    while message_id and (one := by_id.get(message_id)):
        branch.append(one)
        message_id = one.parent_id
    return branch[::-1]


def _usable(personal: Personal, setup: Setup) -> Personal:
    """Nothing for an assistant that quotes; and nothing of what a rule for questions would stop, since nobody is asked
    about it and no answer should wait for it.
    """
    if setup.assistant.mode == Assistant.Mode.QUOTE or not personal:
        return UNTOLD
    return UNTOLD if screen("\n".join(personal), setup.rules, "question").stops else personal


def _salt_of(group_ids: Sequence[UUID], person_id: UUID | None) -> str:
    """Keeps prefix caches of other groups apart, and those of a person whose own words or files are in the prompt: how
    quick one is must not tell that others asked the same, wrote the same about themselves, or have the same file.
    """
    groups = "groups:" + ",".join(sorted(str(group_id) for group_id in group_ids))
    return audit.digest(f"{groups} person:{person_id}" if person_id else groups)
