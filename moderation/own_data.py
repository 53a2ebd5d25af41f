"""What the review queue keeps of a person, as they get it when they take everything along.

Of an answer what they were shown; what was kept back from them is kept back here too. Who decided stays unsaid.
"""

from __future__ import annotations

from typing import Any

from accounts.models import User
from moderation.models import Case


def cases_of(person: User) -> list[dict[str, Any]]:
    cases = Case.objects.filter(subject=person).prefetch_related("decisions").order_by("opened_at")
    return [
        {
            "id": case.pk,
            "about": f"{case.content_kind} {case.content_id}",
            "reason": case.reason,
            "question": case.question,
            "answer_shown": case.answer_shown,
            "state": case.state,
            "opened_at": case.opened_at,
            "final_at": case.final_at,
            "appeal": case.appeal,
            "decisions": [{"action": one.action, "at": one.decided_at} for one in case.decisions.all()],
        }
        for case in cases
    ]
