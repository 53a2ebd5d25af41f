"""The end of an answer: one transaction that writes text, citations, usage and the audit event together.

A held answer ends its run here too, with a case for the moderators in the same transaction; its end comes with their
decision (see ``chat.receivers``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import audit
from chat import telling
from chat.events import Event, LogEntry
from chat.evidence import Card
from chat.leases import LeaseLostError
from chat.models import Citation, Generation, Message
from moderation.cases import open_case
from moderation.models import PolicyVersion
from moderation.screening import Verdict

CONTENT_KIND = "message"


@dataclass
class Outcome:
    """How a run ended, with all that its final transaction writes."""

    state: str
    text: str
    log: list[LogEntry]
    held_text: str = ""
    verdict: Verdict | None = None
    error_code: str = ""
    error: str = ""
    cited: Sequence[Card] = ()
    mode: str = ""
    model_name: str = ""
    worker_id: Any = None
    prompt_id: Any = None
    usage: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    support: str = ""


def finish(message: Message, outcome: Outcome, policy_version: PolicyVersion | None) -> list[Event]:
    """Write the end of this run and return the events that tell it. Raises LeaseLostError to a former owner."""
    with transaction.atomic():
        if outcome.error:
            telling.append(outcome.log, "error")
        _write_citations(message, outcome)
        _write_generation(message, outcome, policy_version)
        if outcome.state == Message.State.HELD:
            told = _hold(message, outcome, policy_version)
        else:
            told = _settle(message, outcome)
        _write_row(message, outcome)
        audit.record(
            actor=message.conversation.owner,
            action=f"message.{outcome.state}",
            obj=message,
            payload={"characters": len(outcome.text), "citations": len(outcome.cited), **outcome.usage},
        )
    first_new = min((entry[0] for entry in told), default=0)
    whole = telling.load(message.id)
    return [event for event in telling.retell(whole) if first_new and event.seq >= first_new]


def _settle(message: Message, outcome: Outcome) -> list[LogEntry]:
    begin = len(outcome.log) - (1 if outcome.error else 0)
    if outcome.cited:
        telling.append(outcome.log, "citations")
    telling.append(outcome.log, "done")
    return outcome.log[begin:]


def _hold(message: Message, outcome: Outcome, policy_version: PolicyVersion | None) -> list[LogEntry]:
    """Keep the text back and ask a person."""
    if outcome.verdict is None or policy_version is None:
        raise ValueError("an answer can only be held by a rule of a policy")
    telling.append(outcome.log, "status", {"state": Message.State.HELD, "detail": outcome.verdict.reason})
    question = message.parent
    open_case(
        content_kind=CONTENT_KIND,
        content_id=message.id,
        revision=message.fence,
        subject=message.conversation.owner,
        verdict=outcome.verdict,
        policy_version=policy_version,
        question=question.text if question else "",
        answer=outcome.text + outcome.held_text,
        shown=len(outcome.text),
        context=message.evidence,
    )
    return outcome.log[-1:]


def _write_row(message: Message, outcome: Outcome) -> None:
    settled = outcome.state != Message.State.HELD
    written = Message.objects.filter(pk=message.pk, fence=message.fence, state=Message.State.RUNNING).update(
        state=outcome.state,
        text=outcome.text,
        held_text=outcome.held_text,
        evidence=message.evidence,
        error_code=outcome.error_code,
        error=outcome.error,
        log=outcome.log,
        seq=outcome.log[-1][0],
        lease_until=None,
        lease_owner="",
        finished_at=timezone.now() if settled else None,
    )
    if not written:
        raise LeaseLostError(str(message.pk))


def _write_citations(message: Message, outcome: Outcome) -> None:
    Citation.objects.bulk_create(
        Citation(
            message=message,
            number=card.number,
            passage_id=card.passage_id,
            start=card.start,
            end=card.end,
            quote=card.quote,
        )
        for card in outcome.cited
    )


def _write_generation(message: Message, outcome: Outcome, policy_version: PolicyVersion | None) -> None:
    Generation.objects.create(
        message=message,
        fence=message.fence,
        mode=outcome.mode,
        prompt_id=outcome.prompt_id,
        policy_version=policy_version,
        model_name=outcome.model_name,
        worker_id=outcome.worker_id,
        usage=outcome.usage,
        timings=outcome.timings,
        support=outcome.support,
    )
