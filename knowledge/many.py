"""One deed on many documents of a source. Each is done, audited and reported for itself: what cannot be done to one
of them keeps nobody from the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from accounts.models import User
from accounts.rights import require
from app.errors import BadInputError, ConflictError
from knowledge.ingestion import restore_document, retry_document, withdraw_document
from knowledge.models import Document, Source
from knowledge.versions import release_document

MOST = 200


class Deed(Protocol):
    def __call__(self, *, actor: User, document: Document) -> Document: ...


DEEDS: dict[str, Deed] = {
    "withdraw": withdraw_document,
    "restore": restore_document,
    "retry": retry_document,
    "release": release_document,
}
# What takes a deed back.
UNDOING = {"withdraw": "restore", "restore": "withdraw"}


@dataclass(frozen=True)
class Outcome:
    """What came of the deed for one document; ``problem`` is "" when it was done."""

    document: Document
    problem: str = ""


def do_to_many(*, actor: User, source: Source, deed: str, document_ids: Sequence[UUID]) -> list[Outcome]:
    """Do ``deed`` (one of DEEDS) to these documents of a source, in the order given; others are passed over.

    Raises BadInputError for an unknown deed, for no documents and for more than MOST.
    """
    require(actor, "knowledge.edit_source", source)
    if deed not in DEEDS:
        raise BadInputError(f"The deeds are {', '.join(DEEDS)}.")
    if not 0 < len(document_ids) <= MOST:
        raise BadInputError(f"Tick between one and {MOST} documents.")
    found = source.documents.select_related("source").in_bulk(list(document_ids))
    return [_done(actor, deed, found[one]) for one in dict.fromkeys(document_ids) if one in found]


def _done(actor: User, deed: str, document: Document) -> Outcome:
    if deed == "withdraw" and document.state == Document.State.WITHDRAWN:
        return Outcome(document, "It was withdrawn before.")
    try:
        return Outcome(DEEDS[deed](actor=actor, document=document))
    except (ConflictError, BadInputError) as error:
        return Outcome(document, error.message)
