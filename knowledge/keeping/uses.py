"""How documents are used, asked of whoever uses them.

Answers cite passages and readers judge answers in a package above this one, which must not be imported here. As news
travels up by signals, questions travel down by registration: the package above says at its start who answers them
(``answer_with``), and knowledge asks through ``uses()``. Everything is asked for a set of sources, since a keeper may
know how their own are used and nothing else; who asked and who judged is never part of an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import QuerySet


@dataclass(frozen=True)
class Cited:
    """How often answers cited a document."""

    document_id: UUID
    count: int


@dataclass(frozen=True)
class Rated:
    """How often answers that cited a document were found helpful and not."""

    document_id: UUID
    up: int
    down: int


@dataclass(frozen=True)
class Judgement:
    """What a reader thought of an answer, with the first passage it cited among the sources asked for.

    ``value`` is 1 or -1; ``start`` and ``end`` count in the version's text.
    """

    value: int
    reason: str
    text: str
    at: datetime
    document_id: UUID
    document_title: str
    source_id: UUID
    passage_id: UUID
    start: int
    end: int
    quote: str


class Uses(Protocol):
    """One statement each, however much there is."""

    def most_cited(self, source_ids: Sequence[UUID], since: datetime, limit: int) -> list[Cited]:
        """The documents cited most since then, the most first."""
        ...

    def cited_by_day(self, source_ids: Sequence[UUID], since: datetime) -> dict[date, int]:
        """How many citations each day had; days without any are left out."""
        ...

    def cited_documents(self, source_ids: Sequence[UUID], since: datetime) -> QuerySet[Any, Any]:
        """Ids of the documents cited since then, as a query to put into another one."""
        ...

    def judgements(self, source_ids: Sequence[UUID], since: datetime, limit: int) -> list[Judgement]:
        """What readers thought of answers that cited these sources, the latest first."""
        ...

    def low_rated(self, source_ids: Sequence[UUID], since: datetime, limit: int) -> list[Rated]:
        """Documents whose answers were at least twice, and at least as often as not, found unhelpful."""
        ...


_known: list[Uses] = []


def answer_with(answers: Uses) -> None:
    """Have these questions answered by ``answers`` from now on. Called once, when the package that can starts."""
    _known[:] = [answers]


def uses() -> Uses:
    """Who answers. Raises LookupError in an installation where nothing uses documents."""
    if not _known:
        raise LookupError("no package has said that it uses documents; see knowledge.keeping.uses.answer_with")
    return _known[0]
