"""What the keeper of a document decides about its versions: release or refuse what was held, and roll back.

A version is never changed after it was published; the database refuses it. Which one is in force is said by
``withdrawn_at`` alone, so rolling back writes no text, and old citations open what they quoted either way.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts.audit import digest, record
from accounts.models import User
from accounts.rights import require
from app.errors import BadInputError
from knowledge.errors import NotReadyError
from knowledge.models import Document, Version
from knowledge.tasks import process

LONGEST_REASON = 300
State = Document.State


def release_document(*, actor: User, document: Document) -> Document:
    """Publish the version that was held, as it was judged; a task embeds its passages.

    Raises NotReadyError when nothing is held.
    """
    require(actor, "knowledge.edit_source", document.source)
    with transaction.atomic():
        document, version = _held(document)
        version.accepted_by, version.accepted_at = actor, timezone.now()
        version.save(update_fields=["accepted_by", "accepted_at"])
        document.state, document.reason, document.attempts, document.lease_until = State.QUEUED, "", 0, None
        document.save()
        payload = {"version": version.number, "sha256": version.sha256, "findings": version.report.get("holds", [])}
        record(actor=actor, action="document.release", obj=document, payload=payload)
        transaction.on_commit(partial(process.delay, str(document.pk)))
    return document


def refuse_document(*, actor: User, document: Document, reason: str = "") -> Document:
    """Do not publish the version that was held; the same bytes are not taken again by a sync.

    Raises NotReadyError when nothing is held, BadInputError for a long reason.
    """
    require(actor, "knowledge.edit_source", document.source)
    reason = " ".join(reason.replace("\x00", " ").split())
    if len(reason) > LONGEST_REASON:
        raise BadInputError(f"Give a reason of at most {LONGEST_REASON} characters.")
    with transaction.atomic():
        document, version = _held(document)
        version.withdrawn_at = timezone.now()
        version.save(update_fields=["withdrawn_at"])
        document.state, document.ignored_sha256 = State.REJECTED, version.sha256
        document.reason = f"Refused by {actor}{f': {reason}' if reason else '.'}"[:500]
        document.save()
        payload = {"version": version.number, "sha256": version.sha256, "reason": digest(reason) if reason else ""}
        record(actor=actor, action="document.refuse", obj=document, payload=payload)
    return document


def roll_back(*, actor: User, document: Document, number: int) -> Document:
    """Put an earlier (or again a later) version in force instead of the present one.

    The newest version's bytes, which its source still has, are not taken again by a sync until the source has others.
    Raises NotReadyError while the document is read, when it is withdrawn, or when that version was never published
    or is in force already.
    """
    require(actor, "knowledge.edit_source", document.source)
    with transaction.atomic():
        document = _locked(document)
        present, target = document.published_version(), document.versions.filter(number=number).first()
        _check_roll_back(document, present, target)
        assert present and target
        present.withdrawn_at, target.withdrawn_at = timezone.now(), None
        for version in (present, target):
            version.save(update_fields=["withdrawn_at"])
        document.title = target.title or document.title
        newest = document.versions.order_by("-number").values_list("number", "sha256")[0]
        document.ignored_sha256 = "" if newest[0] == target.number else newest[1]
        document.save()
        payload = {"from": present.number, "to": target.number, "sha256": target.sha256}
        record(actor=actor, action="document.roll_back", obj=document, payload=payload)
    return document


def _check_roll_back(document: Document, present: Version | None, target: Version | None) -> None:
    if document.state in (State.QUEUED, State.PROCESSING):
        raise NotReadyError("A new version is being read. Wait until that has ended.")
    if present is None:
        raise NotReadyError("No version of this document is in force. Bring it back first.")
    if target is None or target.published_at is None:
        raise NotReadyError("Only a version that was published before can be put in force again.")
    if target == present:
        raise NotReadyError(f"Version {target.number} is in force already.")


def _held(document: Document) -> tuple[Document, Version]:
    document = _locked(document)
    version = document.waiting_version()
    if document.state != State.HELD or version is None:
        raise NotReadyError("Nothing is held here. Somebody else may have decided already.")
    return document, version


def _locked(document: Document) -> Document:
    return Document.objects.select_for_update(of=("self",)).select_related("source").get(pk=document.pk)
