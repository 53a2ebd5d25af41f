"""A policy, and cases that wait under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from app.web.ids import new_id
from moderation.models import Case, Policy, PolicyVersion
from moderation.review.cases import open_case
from moderation.screening.judging import Verdict

OpenCase = Callable[..., Case]


@pytest.fixture
def version(db: None) -> PolicyVersion:
    policy = Policy.objects.create(slug="house", name="House rules")
    policy.current = PolicyVersion.objects.create(policy=policy, number=1)
    policy.save()
    return policy.current


@pytest.fixture
def open_one(version: PolicyVersion, alice: User) -> OpenCase:
    """``open_one(question=…, due_minutes=…)``: a case about an answer to alice."""

    def open_one(*, due_minutes: int = 60, **changes: Any) -> Case:
        verdict = Verdict("hold", "pay", "Questions about pay are looked at by a person.", due_minutes)
        content: dict[str, Any] = {
            "content_kind": "note",
            "content_id": new_id(),
            "revision": 1,
            "subject": alice,
            "question": "What does Ben earn?",
            "answer": "Salaries are **private** [1].",
            "context": [
                {
                    "number": 1,
                    "passage_id": str(new_id()),
                    "document_title": "Salary bands",
                    "heading_path": ["Bands", "Engineering"],
                    "page": 3,
                    "start": 10,
                    "end": 42,
                    "quote": "Bands are reviewed every April.",
                }
            ],
        }
        return open_case(verdict=verdict, policy_version=version, **content | changes)

    return open_one


@pytest.fixture
def case(open_one: OpenCase) -> Case:
    return open_one()
