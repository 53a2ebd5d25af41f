"""Looking through a source, of whatever kind: one run from its beginning to the row that says what it found.

A source that cannot be reached fails the run with its reason, and withdraws nothing. A run whose worker was killed is
begun again by another: what was taken before is found unchanged then, and counts as what it was the first time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from uuid import UUID

from django.db import InterfaceError, OperationalError
from pydantic import ValidationError

from accounts.models import User
from app.errors import ParleyError
from knowledge.connectors.base import Connector, Item, LeftOut, Patterns
from knowledge.connectors.registry import connector_of
from knowledge.connectors.settings import in_words
from knowledge.credentials import credential_of
from knowledge.models import Source, Sync
from knowledge.publication.publishing import ACTOR
from knowledge.syncs.matching import Matching
from knowledge.syncs.running import Pulse, SupersededError, claim, end
from knowledge.syncs.tallying import Tally
from knowledge.syncs.working import Processing

log = logging.getLogger(__name__)
Found = Item | LeftOut


def run_sync(sync_id: UUID) -> None:
    """Run a sync that was begun; nothing happens when it has ended or another worker runs it."""
    sync = claim(sync_id)
    if sync is None:
        return
    tally = Tally()
    try:
        with closing(open_source(sync.source)) as connector:
            look_through(sync, connector, tally)
    except SupersededError:
        return
    except (OperationalError, InterfaceError):
        raise  # the database went away: whoever sweeps begins it again
    except ParleyError as error:
        _fail(sync, tally, error.message)
    except OSError as error:
        _fail(sync, tally, f"It could not go on: {error.strerror or type(error).__name__}.")
    except Exception as error:  # a connector may break in any way, and the run must say so
        log.exception("sync %s", sync_id)
        _fail(sync, tally, f"It broke off by a mistake ({type(error).__name__}); the log of the worker says more.")


def open_source(source: Source) -> Connector:
    """A source's connector. Raises BadInputError for settings or a credential that cannot be used any more."""
    connector = connector_of(source.kind)
    try:
        return connector(source.config, credential_of(source), patterns_of(source))
    except ValidationError as error:
        raise in_words(error, connector) from error


def patterns_of(source: Source) -> Patterns:
    return Patterns(source.include, source.exclude)


def look_through(
    sync: Sync,
    connector: Connector,
    tally: Tally,
    *,
    actor: User | str = ACTOR,
    listed: Sequence[Found] | None = None,
    is_by_hand: bool = False,
) -> None:
    """Take in what the connector lists, or has ``listed`` already, and end the sync.

    ``is_by_hand``: it is not the source's own place, so that nothing there can be missed.
    Raises SourceUnreachableError, SupersededError.
    """
    processing = Processing(tally)
    with Pulse(sync, tally, processing.renew) as pulse:
        with ExitStack() as stack:
            stack.enter_context(processing)
            matching = Matching(sync, connector, tally, processing, actor, is_by_hand)
            try:
                _match_all(matching, pulse, listed)
                matching.settle()
            except ParleyError as error:  # what was taken until then is read to its end
                stack.close()
                raise error
        pulse.check()
    end(sync, tally)


def _match_all(matching: Matching, pulse: Pulse, listed: Sequence[Found] | None) -> None:
    tally, connector = matching.tally, matching.connector
    found: Iterable[Found] = listed if listed is not None else connector.items(matching.known.fingerprints())
    patterns = patterns_of(matching.sync.source)
    if connector.is_listed_first:
        found = list(found)
        tally.total = len({one.key for one in found if isinstance(one, Item) and patterns.admits(one.key)})
    keys: set[str] = set()
    for one in found:
        pulse.check()
        if one.key in keys or not patterns.admits(one.key):
            continue
        if isinstance(one, LeftOut):
            tally.leave_out(one.key, one.reason)
        else:
            keys.add(one.key)
            matching.look_at(one)
    tally.total = len(keys)


def _fail(sync: Sync, tally: Tally, reason: str) -> None:
    try:
        end(sync, tally, failed=reason[:500])
    except SupersededError:
        return
