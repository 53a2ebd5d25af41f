"""What the pages and interfaces about gaps read, each in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _
from pgvector.django import CosineDistance

from accounts.models import User
from app.errors import NotFoundError
from knowledge.keeping.gaps import keepers
from knowledge.models import Document, Gap, GapQuestion

SHOWN = 100
ALIKE = 6
FILTERS = {"waiting": _("Open"), "mine": _("Given to you"), "closed": _("Closed"), "dismissed": _("Not for us")}


@dataclass(frozen=True)
class GapPane:
    """A gap with its questions, the latest first, and others that come nearest to it, to be joined with it.

    ``answer`` is the document that closed it, where this person may see that document.
    """

    gap: Gap
    questions: Sequence[GapQuestion]
    alike: Sequence[Gap]
    people: Sequence[User]
    answer: Document | None


def gaps_of(user: User, name: str = "waiting", source_id: UUID | None = None) -> QuerySet[Gap]:
    """The gaps this person may see that a filter of the list names, with source and assignee."""
    gaps = Gap.objects.visible_to(user).select_related("source", "assignee")
    if source_id:
        gaps = gaps.filter(source=source_id)
    if name == "mine":
        return gaps.waiting().filter(assignee=user)
    if name in ("closed", "dismissed"):
        return gaps.filter(state=name)
    return gaps.waiting()


def get_gap(user: User, gap_id: UUID) -> Gap:
    """A gap this person may see, with source and assignee. Raises NotFoundError."""
    gap = Gap.objects.visible_to(user).select_related("source", "assignee").filter(pk=gap_id).first()
    if gap is None:
        raise NotFoundError
    return gap


def get_question(user: User, question_id: UUID) -> GapQuestion:
    """A question this person may see, with its gap. Raises NotFoundError."""
    questions = GapQuestion.objects.visible_to(user).select_related("gap__source")
    question = questions.filter(pk=question_id).first()
    if question is None:
        raise NotFoundError
    return question


def pane_of(user: User, gap: Gap) -> GapPane:
    """The gap as its page shows it."""
    questions = GapQuestion.objects.visible_to(user).filter(gap=gap).defer("vector")
    answers = Document.objects.visible_to(user).select_related("source")
    return GapPane(
        gap=gap,
        questions=list(questions.order_by("-asked_at", "-pk")[:SHOWN]),
        alike=_alike(user, gap),
        people=keepers() if gap.is_waiting else (),
        answer=answers.filter(pk=gap.answered_by_id).first() if gap.answered_by_id else None,
    )


def _alike(user: User, gap: Gap) -> Sequence[Gap]:
    others = Gap.objects.visible_to(user).waiting().exclude(pk=gap.pk).filter(embedding_name=gap.embedding_name)
    return list(others.annotate(distance=CosineDistance("centre", gap.centre)).order_by("distance")[:ALIKE])
