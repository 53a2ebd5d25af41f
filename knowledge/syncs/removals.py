"""What a sync took out because its source has it no more: taking that back, and saying that it was meant."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from accounts.audit import record
from accounts.models import User
from accounts.rights import require
from knowledge.errors import NotReadyError
from knowledge.models import Document, Sync
from knowledge.taking import bring_back, withdraw
from knowledge.tasks import process

_State = Document.State


def undo_removals(*, actor: User, sync: Sync) -> int:
    """Bring back everything a sync withdrew, to stay although its source has it no more; how many that were.

    What only waits for a word is kept as well. Raises NotReadyError when there is nothing to undo.
    """
    require(actor, "knowledge.edit_source", sync.source)
    with transaction.atomic():
        sync = _locked(sync)
        missed = list(Document.objects.select_for_update().filter(withdrawn_in=sync).order_by("pk"))
        if not missed:
            raise NotReadyError("Nothing that this sync took out is still out.")
        for document in missed:
            if document.state == _State.WITHDRAWN:
                document = bring_back(actor=actor, document=document, keep=True)
                if document.state == _State.QUEUED:
                    transaction.on_commit(partial(process.delay, str(document.pk)))
            else:
                Document.objects.filter(pk=document.pk).update(is_kept=True, withdrawn_in=None)
        Sync.objects.filter(source=sync.source_id, withheld__gt=0).update(withheld=0)
        payload = {"sync": str(sync.pk), "documents": len(missed)}
        record(actor=actor, action="source.undo_removals", obj=sync.source, payload=payload)
    return len(missed)


def confirm_removals(*, actor: User, sync: Sync) -> int:
    """Withdraw what is gone from the source and waits for a word since it is so much; how many documents that were.

    Raises NotReadyError when nothing waits.
    """
    require(actor, "knowledge.edit_source", sync.source)
    with transaction.atomic():
        sync = _locked(sync)
        waiting = Document.objects.filter(source=sync.source_id, withdrawn_in__isnull=False)
        waiting = waiting.exclude(state=_State.WITHDRAWN).order_by("pk")
        if not waiting.exists():
            raise NotReadyError("Nothing of this source waits to be taken out.")
        removed = sum(withdraw(actor=actor, document=document, sync=sync) for document in waiting)
        Sync.objects.filter(source=sync.source_id, withheld__gt=0).update(withheld=0)
        sync.removed += removed
        sync.save(update_fields=["removed"])
        payload = {"sync": str(sync.pk), "documents": removed}
        record(actor=actor, action="source.confirm_removals", obj=sync.source, payload=payload)
    return removed


def _locked(sync: Sync) -> Sync:
    return Sync.objects.select_for_update(of=("self",)).select_related("source").get(pk=sync.pk)
