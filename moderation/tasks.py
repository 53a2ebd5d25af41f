"""What moderation does by the clock."""

from celery import shared_task

from moderation.review import cases


@shared_task(name="moderation.tasks.release_expired_claims")
def release_expired_claims() -> None:
    """Give claims whose lease ran out back to the queue."""
    cases.release_expired_claims()
