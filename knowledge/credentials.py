"""The secrets that sources are opened with: encrypted at rest, handed to a connector, and shown to nobody again."""

from __future__ import annotations

from app import sealing
from app.errors import BadInputError
from knowledge.connectors.registry import connector_of
from knowledge.models import Source

PURPOSE = "parley source credentials v1"
_LONGEST = 10_000


def sealed(kind: str, credential: str | None) -> str:
    """A credential as a source keeps it; "" for none. Raises BadInputError where the kind of source needs none."""
    credential = (credential or "").strip()
    if not credential:
        return ""
    if not connector_of(kind).credential_label:
        raise BadInputError("A source of this kind needs no credential. Leave it out.")
    if len(credential) > _LONGEST:
        raise BadInputError(f"A credential may have at most {_LONGEST} characters.")
    return sealing.seal(PURPOSE, credential)


def credential_of(source: Source) -> str | None:
    """What the source is opened with, None when it has none. Raises BadInputError when the master key is another."""
    if not source.credential_encrypted:
        return None
    try:
        return sealing.unseal(PURPOSE, source.credential_encrypted)
    except sealing.CannotUnsealError as error:
        raise BadInputError(f"The source's credential cannot be opened. {error.message}") from error
