"""A gap's questions asked once more, to see whether knowledge answers them by now; then the gap closes by itself.

Each is asked with the rights of whoever asked it, inside the search, so that a document which they may not read
answers nothing for them. A question that had its quotes before, weak ones or such that its reader called wrong, is
answered only by what was published since. The answer's words go nowhere; which document gave it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts import audit, rights
from accounts.models import User
from app.errors import ConflictError
from knowledge.index.generations import serving_generation
from knowledge.keeping.noting import embed_anew, of_other_models
from knowledge.keeping.support import look
from knowledge.models import Gap, GapQuestion, Version
from knowledge.retrieval.found import Found

ASKED = 5  # of each gap, the latest of different wording
AT_ONCE = 50
CHECK_ANYWAY = timedelta(days=1)
REASON = "Asked again, it finds support."


@dataclass(frozen=True)
class Answered:
    """How many questions were asked again, and what quotes answered those that found support."""

    asked_count: int
    found: tuple[Found, ...]

    @property
    def is_all(self) -> bool:
        return 0 < self.asked_count == len(self.found)

    @property
    def in_words(self) -> str:
        """What it came to, for whoever had it asked."""
        asked, supported = self.asked_count, len(self.found)
        if not asked:
            return "Nobody who asked this is here any more, so it cannot be asked again. Close it when it is answered."
        if self.is_all:
            return f"Asked again: {'it finds' if asked == 1 else f'all {asked} questions find'} support now. Closed."
        if supported:
            return f"Asked again: {supported} of {asked} questions find support now. It stays open for the others."
        return "Asked again: still without support."


def ask_again(*, actor: User, gap: Gap) -> Answered:
    """Ask now, and close the gap if every question finds support.

    Raises ConflictError when the gap is closed, UnavailableError when the embedding model does not answer.
    """
    rights.require(actor, "knowledge.edit_source", gap)
    if not gap.is_waiting:
        raise ConflictError("It is closed. Reopen it first.", current={"state": gap.state})
    answered = _look(gap)
    _keep(gap, answered, actor)
    return answered


def revisit_gaps() -> int:
    """Ask again where something was published since the last time, and everywhere once a day; how many closed.

    Bounded: what does not come up now comes up at the next run. Also gives gaps the vectors of a new index generation.
    """
    generation = serving_generation()
    embed_anew(of_other_models(generation, AT_ONCE), generation)
    closed = 0
    for gap in _due()[:AT_ONCE]:
        closed += _keep(gap, _look(gap), audit.SYSTEM)
    return closed


def _due() -> QuerySet[Gap]:
    fresh = Version.objects.in_force().filter(published_at__gt=OuterRef("checked_at"))
    in_its_source = fresh.filter(document__source=OuterRef("source"))
    is_due = Q(checked_at__lt=timezone.now() - CHECK_ANYWAY) | Q(Exists(in_its_source))
    return Gap.objects.waiting().filter(is_due | Q(Exists(fresh), source=None)).order_by("checked_at")


def _look(gap: Gap) -> Answered:
    questions = _representative(gap)
    found = [_answer_to(question) for question in questions]
    return Answered(len(questions), tuple(one for one in found if one))


def _representative(gap: Gap) -> Sequence[GapQuestion]:
    """The latest questions of people who are still here, each wording once."""
    rows = gap.questions.filter(asked_by__is_active=True).select_related("asked_by").order_by("-asked_at")
    by_text: dict[str, GapQuestion] = {}
    for question in rows[: ASKED * 4]:
        by_text.setdefault(question.text.casefold(), question)
    return list(by_text.values())[:ASKED]


def _answer_to(question: GapQuestion) -> Found | None:
    """The passage that answers it now for its asker, if one does."""
    assert question.asked_by is not None
    seen = look(question.asked_by, question.text, question.searched_in)
    if seen.support != "good" or seen.quoted is None:
        return None
    if question.support != GapQuestion.Support.NONE:
        newer = Version.objects.filter(pk=seen.quoted.version_id, published_at__gt=question.asked_at)
        return seen.quoted if newer.exists() else None
    return seen.quoted


def _keep(gap: Gap, answered: Answered, actor: User | str) -> bool:
    """Note that it was asked, and close it when all is answered; whether it closed."""
    now = timezone.now()
    with transaction.atomic():
        Gap.objects.filter(pk=gap.pk).update(checked_at=now)
        closed = answered.is_all and Gap.objects.waiting().filter(pk=gap.pk).update(
            state=Gap.State.CLOSED,
            closed_at=now,
            close_reason=REASON,
            answered_by=answered.found[0].document_id,
        )
        if closed or actor != audit.SYSTEM:
            payload = {"asked": answered.asked_count, "supported": len(answered.found), "closed": bool(closed)}
            audit.record(actor=actor, action="gap.ask_again", obj=gap, payload=payload)
    return bool(closed)
