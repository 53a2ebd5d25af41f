"""Knowledge work that may wait: reading documents, syncing sources, and finding what was left lying."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from knowledge.index import building
from knowledge.keeping import asking_again, reminders
from knowledge.models import Document, IndexGeneration
from knowledge.publication.processing import process_document
from knowledge.syncs import running, scheduling, syncing

STUCK_AFTER = timedelta(seconds=60)


@shared_task(name="knowledge.tasks.process")
def process(document_id: str) -> None:
    outcome = process_document(UUID(document_id))
    if outcome and outcome.state == Document.State.QUEUED:
        process.apply_async((document_id,), countdown=2)


@shared_task(name="knowledge.tasks.run_sync")
def run_sync(sync_id: str) -> None:
    syncing.run_sync(UUID(sync_id))


@shared_task(name="knowledge.tasks.start_due_syncs")
def start_due_syncs() -> int:
    """Begin what its schedule says is due."""
    due = scheduling.start_due()
    for sync_id in due:
        run_sync.delay(str(sync_id))
    return len(due)


@shared_task(name="knowledge.tasks.resume_syncs")
def resume_syncs() -> int:
    """Go on with syncs whose task was lost or whose worker died."""
    forgotten = running.find_forgotten()
    for sync_id in forgotten:
        run_sync.delay(str(sync_id))
    return len(forgotten)


@shared_task(name="knowledge.tasks.requeue_stuck")
def requeue_stuck() -> int:
    """Queue again what waits although nobody works on it: its task was lost, or its worker died."""
    now = timezone.now()
    stuck = list(
        Document.objects.filter(
            Q(lease_until=None) | Q(lease_until__lt=now),
            updated_at__lt=now - STUCK_AFTER,  # which also keeps the same one from being queued with every sweep
            source__deleted_at=None,
            state__in=[Document.State.QUEUED, Document.State.PROCESSING],
        ).values_list("pk", flat=True)[:500]
    )
    Document.objects.filter(pk__in=stuck).update(updated_at=now)
    for document_id in stuck:
        process.delay(str(document_id))
    return len(stuck)


@shared_task(name="knowledge.tasks.build_generation")
def build_generation(generation_id: int, fence: int | None = None) -> None:
    if again := building.build(generation_id, fence):
        build_generation.apply_async((generation_id, again.fence), countdown=again.seconds)


@shared_task(name="knowledge.tasks.clear_generation")
def clear_generation(generation_id: int) -> None:
    if again := building.clear(generation_id):
        clear_generation.apply_async((generation_id,), countdown=again.seconds)


@shared_task(name="knowledge.tasks.tend_generations")
def tend_generations() -> int:
    """Complete and clear what nobody has in hand: new passages came, or a worker died."""
    building.tend_vectors()
    found = building.waiting()
    for generation in found:
        is_removed = generation.state == IndexGeneration.State.REMOVING
        (clear_generation if is_removed else build_generation).delay(generation.pk)
    return len(found)


@shared_task(name="knowledge.tasks.revisit_gaps")
def revisit_gaps() -> int:
    return asking_again.revisit_gaps()


@shared_task(name="knowledge.tasks.send_reminders")
def send_reminders() -> int:
    return reminders.send_reminders()
