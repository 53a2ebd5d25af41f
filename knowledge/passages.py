"""Taking a single passage out of every search, and putting it back.

For what is wrong, outdated or not meant to be quoted inside a document that is otherwise good. The version's text stays
as it was, and what cited the passage before opens it still, with a word about it.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.audit import digest, record
from accounts.models import User
from accounts.rights import require
from app.errors import BadInputError
from knowledge.errors import NotReadyError
from knowledge.models import Passage, Version

LONGEST_REASON = 300


def disable_passage(*, actor: User, passage: Passage, reason: str) -> Passage:
    """No search finds the passage from now on.

    Raises BadInputError without a reason or for a long one, NotReadyError when it is disabled already.
    """
    require(actor, "knowledge.edit_source", passage.version.document.source)
    reason = " ".join(reason.replace("\x00", " ").split())
    if not reason:
        raise BadInputError("Say why, for whoever keeps this document after you.")
    if len(reason) > LONGEST_REASON:
        raise BadInputError(f"Give a reason of at most {LONGEST_REASON} characters.")
    with transaction.atomic():
        passage = _locked(passage)
        if passage.disabled_at is not None:
            raise NotReadyError("This passage is disabled already.")
        passage.disabled_at, passage.disabled_by, passage.disabled_reason = timezone.now(), actor, reason
        _save(passage, -1)
        payload = {"document": str(passage.version.document_id), "reason": digest(reason)}
        record(actor=actor, action="passage.disable", obj=passage, payload=payload)
    return passage


def enable_passage(*, actor: User, passage: Passage) -> Passage:
    """Searches find the passage again, if they find its version. Raises NotReadyError when it is not disabled."""
    require(actor, "knowledge.edit_source", passage.version.document.source)
    with transaction.atomic():
        passage = _locked(passage)
        if passage.disabled_at is None:
            raise NotReadyError("This passage is not disabled.")
        passage.disabled_at, passage.disabled_by, passage.disabled_reason = None, None, ""
        _save(passage, 1)
        payload = {"document": str(passage.version.document_id)}
        record(actor=actor, action="passage.enable", obj=passage, payload=payload)
    return passage


def _locked(passage: Passage) -> Passage:
    rows = Passage.objects.select_for_update(of=("self",)).select_related("version__document__source")
    return rows.defer("version__text").get(pk=passage.pk)


def _save(passage: Passage, more: int) -> None:
    """Write the change, and keep the version's count of passages that are found in step."""
    passage.save(update_fields=["disabled_at", "disabled_by", "disabled_reason"])
    Version.objects.filter(pk=passage.version_id).update(passage_count=F("passage_count") + more)
