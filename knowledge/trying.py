"""Trying a source's settings out before they are kept: a look from outside, by somebody who may keep such a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.audit import record
from accounts.models import User
from accounts.rights import require
from knowledge.connectors.base import Patterns
from knowledge.connectors.registry import connector_of
from knowledge.connectors.settings import checked_patterns, checked_settings, moves_credential
from knowledge.credentials import credential_of
from knowledge.errors import SettingError
from knowledge.models import Source
from knowledge.sources import SourceChanges


def try_source(*, actor: User, kind: str, wanted: SourceChanges, source: Source | None = None) -> str:
    """What is found with these settings, in a sentence; nothing is kept but that it was tried.

    A change of ``source`` is tried with the credential it has, unless that would be sent to another place. Raises
    BadInputError for settings that cannot be used, SourceUnreachableError when nothing answers there.
    """
    if source is None:
        require(actor, "knowledge.create_source")
    else:
        require(actor, "knowledge.edit_source", source)
    kind = source.kind if source else kind
    connector = connector_of(kind)
    config = checked_settings(actor, connector, wanted.get("config", {}))
    patterns = Patterns(
        checked_patterns(wanted.get("include", ()), "include"), checked_patterns(wanted.get("exclude", ()), "exclude")
    )
    credential = _credential(source, config, wanted)
    with transaction.atomic():
        record(actor=actor, action="source.try", obj=source, payload={"kind": kind})
    opened = connector(config, credential, patterns)
    try:
        return opened.try_out()
    finally:
        opened.close()


def _credential(source: Source | None, config: Mapping[str, Any], wanted: SourceChanges) -> str | None:
    if "credential" in wanted:
        return wanted["credential"] or None
    if source is None or not source.has_credential:
        return None
    if moves_credential(connector_of(source.kind), source.config, config):
        raise SettingError("Enter the credential again: it could be sent to another place now.", field="credential")
    return credential_of(source)
