"""What governs an assistant's answers, as a copy that a process keeps as long as it is true.

Reading it takes several joins, and it changes once in a week. So the statement that asks the database for a reader's
rights also brings a stamp of everything in here; a copy with the same stamp is used, with another it is read anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from uuid import UUID

from django.db.models import Q

from app.inference.models import Model
from chat.composing import prompts
from chat.models import Assistant
from moderation.models import PolicyVersion
from moderation.screening.rules import Rule, rules_of

# Which version of which row it is made of (a row's transaction and place change with it). ``a`` is the assistant, ``p``
# its policy; versions of prompts and policies never change themselves.
STAMP = """concat_ws(' ', a.xmin, a.ctid, p.xmin, p.ctid,
    (select string_agg(concat_ws(' ', m.id, m.xmin, m.ctid), ',' order by m.id)
     from inference_model m where m.id in (a.model_id, a.canary_id)),
    (select string_agg(concat_ws(' ', f.position, m.id, m.xmin, m.ctid), ',' order by f.position)
     from chat_fallback f join inference_model m on m.id = f.model_id where f.assistant_id = a.id),
    (select string_agg(concat_ws(' ', m.id, m.xmin, m.ctid), ',' order by m.id)
     from chat_assistant_offers_models o join inference_model m on m.id = o.model_id where o.assistant_id = a.id),
    (select string_agg(s.source_id::text, ',' order by s.source_id)
     from chat_assistant_sources s where s.assistant_id = a.id))"""


@dataclass(frozen=True)
class Setup:
    """An assistant with its models, prompt and policy at hand. Shared by runs: nobody changes what is in it."""

    assistant: Assistant
    chain: tuple[str, ...]
    """Names of its model and the fallbacks, in order; empty when it only quotes."""
    source_ids: tuple[UUID, ...]
    system: str
    policy_version: PolicyVersion | None
    rules: Sequence[Rule]
    offered: Mapping[UUID, str] = field(default_factory=dict)
    """Names of the models that a reader may choose instead of its own."""
    seeing: frozenset[str] = frozenset()
    """Names of those of all these models that see images."""

    def models_for(self, conversation_id: UUID, chosen_id: UUID | None = None) -> tuple[str, ...]:
        """Who writes in this conversation, first choice first: the model that its owner chose, while it is offered;
        else the model on trial, in its share of the conversations.
        """
        chosen = self.offered.get(chosen_id) if chosen_id else None
        if chosen and self.chain:
            return _before(chosen, self.chain)
        canary = self.assistant.canary
        if canary is None or not self.chain or bucket_of(conversation_id) >= self.assistant.canary_percent:
            return self.chain
        return _before(canary.name, self.chain)


def _before(first: str, others: Sequence[str]) -> tuple[str, ...]:
    return (first, *(name for name in others if name != first))


def bucket_of(conversation_id: UUID) -> int:
    """0 to 99, evenly spread and always the same for a conversation."""
    return int.from_bytes(blake2b(conversation_id.bytes, digest_size=8).digest()) % 100


_copies: dict[UUID, tuple[str, Setup]] = {}


def find_setup(assistant_id: UUID, stamp: str) -> Setup:
    """The setup that ``stamp`` stands for. No statement unless it changed. Raises PolicyError for unusable rules."""
    known = _copies.get(assistant_id)
    if known is None or known[0] != stamp:
        known = _copies[assistant_id] = (stamp, load_setup(assistant_id))
    return known[1]


def load_setup(assistant_id: UUID) -> Setup:
    """Read it from the database."""
    joined = Assistant.objects.select_related("model", "canary", "prompt", "policy__current")
    assistant = joined.get(pk=assistant_id)
    fallbacks = assistant.fallbacks.order_by("position").values_list("model__name", flat=True)
    default = prompts.DEFAULT if assistant.searches else prompts.FREE
    template = assistant.prompt.template if assistant.prompt else default
    policy_version = assistant.policy.current if assistant.policy else None
    return Setup(
        assistant=assistant,
        chain=(assistant.model.name, *fallbacks) if assistant.model else (),
        source_ids=tuple(assistant.sources.values_list("pk", flat=True)),
        system=prompts.instructions(template, assistant.name),
        policy_version=policy_version,
        rules=rules_of(policy_version) if policy_version else (),
        offered=dict(assistant.offers_models.values_list("pk", "name")),
        seeing=frozenset(_seeing(assistant)),
    )


def _seeing(assistant: Assistant) -> Iterable[str]:
    used = Q(pk__in=[assistant.model_id, assistant.canary_id]) | Q(pk__in=assistant.fallbacks.values("model"))
    models = Model.objects.filter(used | Q(pk__in=assistant.offers_models.values("pk")), sees_images=True)
    return models.values_list("name", flat=True)
