"""The end of an answer: one transaction that writes text, citations, usage and the audit event together.

A held answer ends its run here too, with a case for the moderators in the same transaction; its end comes with their
decision (see ``chat.receivers``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import audit
from app.web.statements import Write, changing, inserting
from chat.composing.evidence import Card, for_reviewers
from chat.composing.grounds import Grounds
from chat.models import Citation, Generation, Message
from chat.streaming import telling
from chat.streaming.events import Event, LogEntry
from chat.writing import metering
from chat.writing.leases import LeaseLostError
from moderation.models import PolicyVersion
from moderation.review.cases import open_case
from moderation.screening.judging import Verdict

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
    grounds: Grounds | None = None
    repeat_key: str = ""
    repeats_id: UUID | None = None
    meter: metering.Meter = field(default_factory=metering.Meter)


def finish(message: Message, outcome: Outcome, policy_version: PolicyVersion | None) -> list[Event]:
    """Write the end of this run and return the events that tell it. Raises LeaseLostError to a former owner.

    One statement writes the row, the run, its citations and the audit event, so that a former owner changes nothing.
    """
    begin = len(outcome.log)
    message.grounds = outcome.grounds.as_json() if outcome.grounds else None
    bill = metering.bill(outcome.meter, outcome.model_name, outcome.usage)
    generation = _generation(message, outcome, policy_version, bill)
    with transaction.atomic():
        if outcome.state == Message.State.HELD:
            _hold(message, outcome, policy_version)
        else:
            _settle(outcome)
        writes = [_row(message, outcome), inserting([generation])]
        if citations := _citations(message, outcome):
            writes.append(inserting(citations))
        metering.settle(message, bill)
        is_own = audit.record_with(
            writes,
            actor=message.conversation.owner,
            action=f"message.{outcome.state}",
            obj=message,
            payload={"characters": len(outcome.text), "citations": len(outcome.cited), **outcome.usage},
        )
        if not is_own:
            raise LeaseLostError(str(message.pk))
    message.state, message.error = outcome.state, outcome.error
    return [
        Event(message.id, seq, kind, _data(kind, value, message, outcome, generation))
        for seq, kind, value in outcome.log[begin:]
    ]


def _settle(outcome: Outcome) -> None:
    if outcome.error:
        telling.append(outcome.log, "error")
    if outcome.cited:
        telling.append(outcome.log, "citations")
    telling.append(outcome.log, "done")


def _data(kind: str, value: Any, message: Message, outcome: Outcome, generation: Generation) -> dict[str, Any]:
    """What ``telling.facts`` will say of the same event when it is retold from the rows."""
    if kind == "error":
        return telling.error_data(outcome.error_code, outcome.error)
    if kind == "citations":
        return {"citations": [card.as_citation() for card in outcome.cited]}
    if kind == "done":
        return telling.end_data(message, generation)
    return dict(value)


def _hold(message: Message, outcome: Outcome, policy_version: PolicyVersion | None) -> None:
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
        context=for_reviewers(message.evidence),
    )


def _row(message: Message, outcome: Outcome) -> Write:
    """The answer's row at its end, if this run still owns it."""
    own = {"id": message.pk, "fence": message.fence, "state": Message.State.RUNNING}
    is_settled = outcome.state != Message.State.HELD
    columns = {
        "state": outcome.state,
        "text": outcome.text,
        "held_text": outcome.held_text,
        "evidence": message.evidence,
        "error_code": outcome.error_code,
        "error": outcome.error,
        "log": outcome.log,
        "seq": outcome.log[-1][0],
        "lease_until": None,
        "lease_owner": "",
        "finished_at": timezone.now() if is_settled else None,
    }
    if message.grounds is not None:
        columns["grounds"] = message.grounds
    return changing(Message, own, message.sealing(**columns))


def _citations(message: Message, outcome: Outcome) -> list[Citation]:
    return [
        Citation(
            message=message,
            number=card.number,
            passage_id=card.passage_id,
            start=card.start,
            end=card.end,
            quote=card.quote,
        )
        for card in outcome.cited
        if card.passage_id
    ]


def _generation(
    message: Message, outcome: Outcome, policy_version: PolicyVersion | None, bill: metering.Bill
) -> Generation:
    return Generation(
        message=message,
        fence=message.fence,
        mode=outcome.mode,
        prompt_id=outcome.prompt_id,
        policy_version=policy_version,
        model_name=outcome.model_name,
        worker_id=outcome.worker_id,
        usage=telling.as_kept(outcome.usage),
        timings=telling.as_kept(outcome.timings),
        support=outcome.support,
        repeat_key=outcome.repeat_key,
        repeats_id=outcome.repeats_id,
        cost=bill.cost,
        watt_hours=bill.watt_hours,
    )
