"""That one event is in the log: the way from its hash to the root that a checkpoint signed.

A proof shows nothing of any other event, only hashes, so it can be given to somebody who may see this one alone.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from uuid import UUID

import psycopg
from django.db import transaction

from accounts import rights
from accounts.audit_chain import ROWS, Checkpoint, Row, path_to, to_record, tree_of, write_proof
from accounts.auditing.keeping import sealed_hashes, seqs_of
from accounts.auditing.reading import record_look
from accounts.auditing.rows import stored
from accounts.auditing.sealing import shared_view
from accounts.models import User
from app.errors import NotFoundError

_ROW = ROWS.replace("order by shard, seq", "where id = %s")
_TREES = 8


class Prover:
    """Finds which checkpoint sealed an event, and its place there. Keeps the trees of the last few checkpoints."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        (self.newest,) = connection.execute("select coalesce(max(number), 0) from audit_checkpoint").fetchone() or (0,)
        self.used: dict[int, Checkpoint] = {}
        self._trees: OrderedDict[int, list[list[bytes]]] = OrderedDict()
        self._seqs: dict[int, list[int]] = {0: seqs_of(connection, 0)}

    def prove(self, row: Row) -> str:
        """The event's proof; "" while no checkpoint has sealed it."""
        if row.seq > self._seqs_at(self.newest)[row.shard]:
            return ""
        number = self._sealed_by(row)
        before, after = self._seqs_at(number - 1), self._seqs_at(number)
        earlier = sum(after[shard] - before[shard] for shard in range(row.shard))
        index = earlier + row.seq - before[row.shard] - 1
        tree = self._tree(number)
        return write_proof(number, index, len(tree[0]), path_to(tree, index))

    def _sealed_by(self, row: Row) -> int:
        """The first checkpoint that reaches this row: found by halving, because heads only ever go on."""
        low, high = 1, self.newest
        while low < high:
            middle = (low + high) // 2
            if self._seqs_at(middle)[row.shard] >= row.seq:
                high = middle
            else:
                low = middle + 1
        return low

    def _seqs_at(self, number: int) -> list[int]:
        if number not in self._seqs:
            self._seqs[number] = seqs_of(self.connection, number)
        return self._seqs[number]

    def _tree(self, number: int) -> list[list[bytes]]:
        if number not in self.used:
            query = "select statement, signature, moved from audit_checkpoint where number = %s"
            row = self.connection.execute(query, [number]).fetchone()
            self.used[number] = stored(*(row or ()))
        if number not in self._trees:
            self._trees[number] = tree_of(sealed_hashes(self.connection, number))
            if len(self._trees) > _TREES:
                self._trees.popitem(last=False)
        self._trees.move_to_end(number)
        return self._trees[number]


def prove_event(*, actor: User | str, event_id: UUID) -> dict[str, Any]:
    """The event, its proof and the signed checkpoint, as ``audit_chain.py`` takes them. Raises NotFoundError.

    An event of the last minute may have no checkpoint yet: its ``proof`` is empty then, and the checkpoint the last.
    """
    if isinstance(actor, User):
        rights.require(actor, "audit.read")
    with shared_view() as connection:
        found = connection.execute(_ROW, [event_id]).fetchone()
        if found is None:
            raise NotFoundError
        row = Row(*found)
        prover = Prover(connection)
        proof = prover.prove(row)
        newest = "select statement, signature, moved from audit_checkpoint order by number desc limit 1"
        last = connection.execute(newest).fetchone()
    one = next(iter(prover.used.values())) if proof else stored(*last) if last else None
    if isinstance(actor, User):
        with transaction.atomic():
            record_look(actor, {"event": str(event_id)}, "audit.prove")
    return {
        "format": "parley-audit-proof-1",
        "event": to_record(row, proof),
        "checkpoint": {"statement": one.statement, "signature": one.signature} if one else None,
    }
