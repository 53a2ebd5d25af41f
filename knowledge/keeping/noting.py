"""Questions without an answer, gathered by meaning into gaps as they come.

A question joins the gap whose middle is nearest if it is near enough, else it begins one. Measured with
all-MiniLM-L6-v2 on 66 wordings of 20 topics that come in any order, at .55 of cosine 96 % of the pairs that share a gap
belong together, and 72 % of those that belong together share one; two gaps that should be one are merged by hand more
easily than a mixed one is sorted out. A gap's middle, title and source follow from its questions alone, so that merging
gaps and taking questions out need nothing special.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from pgvector.django import CosineDistance

from accounts.models import User
from knowledge.index.generations import embed_query, serving_generation
from knowledge.keeping.support import NOISE_BELOW, Look, look
from knowledge.models import Document, Gap, GapQuestion, IndexGeneration
from moderation.screening.masking import mask

Vectors = npt.NDArray[np.float32]

NEAR = 0.55
LONGEST_TEXT = 1000
WEIGHED = 500  # so many of a gap's questions, the latest, decide its middle
_LOCK = 7_046_002  # of the database's advisory locks: two workers must not begin the same gap


@dataclass(frozen=True)
class Unanswered:
    """A question as it is asked by itself, without the turns before it, and the answer that lacked support."""

    text: str
    support: GapQuestion.Support
    asked_by: User
    asked_at: datetime
    message_id: UUID
    source_ids: tuple[UUID, ...] = ()


def note_question(asked: Unanswered) -> GapQuestion | None:
    """Put a question into the gap it belongs to; it, or the one that stands for it there, or None when there is none.

    One stands for another when its answer is noted already, or when the same person asked about the same on the same
    day. None is noted when the question, asked once more, finds support: then the answer lacked something, not the
    knowledge. Raises UnavailableError when the embedding model does not answer.
    """
    if known := GapQuestion.objects.filter(message_id=asked.message_id).first():
        return known
    text = " ".join(mask(asked.text).split())[:LONGEST_TEXT]
    seen = look(asked.asked_by, asked.text, asked.source_ids)
    if not text or (seen.support == "good" and asked.support != GapQuestion.Support.DOUBTED):
        return None
    generation = serving_generation()
    question = GapQuestion(
        text=text,
        vector=embed_query(generation, text).tolist(),
        support=asked.support,
        score=seen.score,
        source_id=_source_of(seen),
        searched_in=list(asked.source_ids),
        asked_by=asked.asked_by,
        message_id=asked.message_id,
        asked_at=asked.asked_at,
    )
    with transaction.atomic():
        _alone()
        return _join(question, generation)


def _source_of(seen: Look) -> UUID | None:
    """The source an answer would belong to, by the passage that came nearest."""
    if seen.best is None or seen.score < NOISE_BELOW:
        return None
    return Document.objects.values_list("source_id", flat=True).filter(pk=seen.best.document_id).first()


def _alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _join(question: GapQuestion, generation: IndexGeneration) -> GapQuestion:
    """Save the question with the gap it belongs to, unless its asker counts there already today: then that one."""
    gap = _nearest(question.vector, generation.embedding_name)
    if gap is None:
        gap = Gap.objects.create(
            title=question.text[:300],
            centre=question.vector,
            embedding_name=generation.embedding_name,
            first_asked_at=question.asked_at,
        )
    elif counted := _find_counted(gap, question):
        return counted
    question.gap = gap
    question.save(force_insert=True)
    settle(gap)
    return question


def _nearest(vector: list[float], embedding_name: str) -> Gap | None:
    """The gap that a question belongs to. One that was dismissed takes in what belongs to it, and stays dismissed."""
    gaps = Gap.objects.exclude(state=Gap.State.CLOSED).filter(embedding_name=embedding_name)
    near = gaps.annotate(distance=CosineDistance("centre", vector)).filter(distance__lte=1 - NEAR)
    return near.order_by("distance").first()


def _find_counted(gap: Gap, question: GapQuestion) -> GapQuestion | None:
    day = timezone.localtime(question.asked_at).date()
    return gap.questions.filter(asked_by=question.asked_by, asked_at__date=day).first()


def settle(gap: Gap) -> None:
    """Work out anew, from its questions, how often and when it was asked, its source, its middle and its title.

    Inside the caller's transaction. A gap without questions goes.
    """
    rows = list(gap.questions.order_by("-asked_at", "-pk").values_list("text", "source_id", "vector", "asked_at"))
    if not rows:
        gap.delete()
        return
    latest = rows[:WEIGHED]
    vectors = np.array([vector for _, _, vector, _ in latest], dtype=np.float32)
    centre = _unit(vectors.mean(axis=0))
    sources = Counter(source_id for _, source_id, _, _ in latest if source_id)
    gap.source_id = sources.most_common(1)[0][0] if sources else None
    # Its title may be read by whoever keeps its source, so it is a question that came nearest to that source.
    own = [index for index, (_, source_id, _, _) in enumerate(latest) if source_id == gap.source_id]
    gap.title = latest[max(own, key=lambda index: float(vectors[index] @ centre))][0][:300]
    gap.centre = centre.tolist()
    gap.question_count = len(rows)
    gap.first_asked_at, gap.last_asked_at = rows[-1][3], rows[0][3]
    gap.save(update_fields=["source", "title", "centre", "question_count", "first_asked_at", "last_asked_at"])


def remove_questions(ids: list[UUID]) -> int:
    """Remove questions, because their person is erased or they are old; how many. What was gathered of them is worked
    out anew: no title or middle of a gap is theirs any more. Inside the caller's transaction.
    """
    _alone()
    questions = GapQuestion.objects.filter(pk__in=ids)
    gaps = list(Gap.objects.filter(pk__in=questions.values("gap")))
    count = questions.delete()[1].get("knowledge.GapQuestion", 0)
    for gap in gaps:
        settle(gap)
    return count


def embed_anew(gaps: Iterable[Gap], generation: IndexGeneration) -> None:
    """Give gaps the vectors of ``generation``, which came to serve after they were made."""
    for gap in gaps:
        questions = list(gap.questions.all())
        for question in questions:
            question.vector = embed_query(generation, question.text).tolist()
        with transaction.atomic():
            _alone()
            GapQuestion.objects.bulk_update(questions, ["vector"])
            gap.embedding_name = generation.embedding_name
            gap.save(update_fields=["embedding_name"])
            settle(gap)


def of_other_models(generation: IndexGeneration, limit: int) -> QuerySet[Gap]:
    """Gaps whose vectors cannot be compared with those that questions get now."""
    return Gap.objects.exclude(state=Gap.State.CLOSED).exclude(embedding_name=generation.embedding_name)[:limit]


def _unit(vector: Vectors) -> Vectors:
    unit: Vectors = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return unit
