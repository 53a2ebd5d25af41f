"""Proves or disproves that the audit log is what was written: recomputes chains and names the first wrong row.

This one file needs nothing of Parley, no Django and no package, so that an auditor can read all of it and run it on an
export or a proof: ``python audit_chain.py EXPORT.zip --key KEY``. (Checking many signatures is faster where the
package ``cryptography`` is installed.)

Three things hold a log together. Every event has the hash of the one before it in its chain. Every minute a checkpoint
names how far each chain has come, and the root of a tree over the new events' hashes; it is signed and names the
checkpoint before. And checkpoints are kept outside the database. Whoever owns the database can rewrite a chain from
some row to its head, hashes and all; then the chain does not meet the checkpoints any more. Whoever also has the
signing key can forge what is newer than the last checkpoint that somebody else keeps.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import struct
import sys
import zipfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, product
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import UUID

Kind = Literal["changed", "deleted", "inserted", "reordered", "truncated", "rewritten"]

ROWS = """
select shard, seq, id, at, actor, action, object, outcome, request_id, payload::text, prev, hash
from audit_event order by shard, seq
"""
HEADS = "select shard, seq, hash from audit_head order by shard"

SHARDS = 64
START = bytes(32)
PREFIX_BYTES = 8  # what is kept outside the database of every event's hash, to name the row that was rewritten
_FORMAT = b"parley-audit-1"
_SIGNED = b"parley-checkpoint-1\n"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RENUMBERED_BY = 10_000  # how many removed rows a renumbering is looked for
_MICROSECOND = timedelta(microseconds=1)


class Row(NamedTuple):
    """One event, columns in the order of ROWS; ``payload`` is the text PostgreSQL gives for it."""

    shard: int
    seq: int
    id: UUID
    at: datetime
    actor: str
    action: str
    object: str
    outcome: str
    request_id: str
    payload: str
    prev: bytes
    hash: bytes


class Head(NamedTuple):
    """How far a chain has come: its last sequence number (0 for an empty one) and that event's hash."""

    seq: int
    hash: bytes


@dataclass(frozen=True)
class Fault:
    """The first row of a chain that is not what was written. ``id`` is None where the row is gone.

    ``until``: all that is known is that it lies between ``seq`` and this one.
    """

    shard: int
    seq: int
    kind: Kind
    id: UUID | None = None
    until: int | None = None

    def __str__(self) -> str:
        named = f", event {self.id}" if self.id else ""
        reach = f" to {self.until}" if self.until else ""
        return f"shard {self.shard}, seq {self.seq}{reach}{named}: {self.kind}"


@dataclass(frozen=True)
class Report:
    events: int
    chains: int
    faults: list[Fault]


@dataclass
class Marks:
    """What checkpoints say of one chain: at ``seqs[i]`` it had ``hashes[i]``; the hashes of the events since the mark
    before begin at ``offsets[i]`` of all that were ever sealed.
    """

    seqs: array[int] = field(default_factory=lambda: array("q"))
    offsets: array[int] = field(default_factory=lambda: array("q"))
    hashes: bytearray = field(default_factory=bytearray)

    def add(self, seq: int, digest: bytes, offset: int) -> None:
        self.seqs.append(seq)
        self.offsets.append(offset)
        self.hashes += digest

    def hash_at(self, index: int) -> bytes:
        return bytes(self.hashes[32 * index : 32 * index + 32])


# The first bytes of so many hashes that were sealed, from this place on; may give fewer than there should be.
Known = Callable[[int, int], bytes]


def hash_of(row: Row, *, seq: int | None = None) -> bytes:
    """SHA-256 over every field of the event, each with its length in front; ``seq`` tries another place."""
    micros = (row.at - _EPOCH) // _MICROSECOND
    numbers = (row.shard, row.seq if seq is None else seq)
    texts = (row.actor, row.action, row.object, row.outcome, row.request_id, row.payload)
    parts = [_FORMAT, *(struct.pack(">q", number) for number in numbers), row.id.bytes, struct.pack(">q", micros)]
    parts += [text.encode() for text in texts]
    parts.append(bytes(row.prev))
    return hashlib.sha256(b"".join(struct.pack(">i", len(part)) + part for part in parts)).digest()


# ---------------------------------------------------------------------------------------------------------- chains


def verify(
    rows: Iterable[Row],
    heads: Mapping[int, Head],
    marks: Mapping[int, Marks] | None = None,
    known: Known | None = None,
) -> Report:
    """Check every chain. ``rows`` come ordered by shard and seq; holds the rows of one shard in memory at a time."""
    faults = []
    events = 0
    marks = marks or {}
    missing = set(heads) | set(marks)
    for shard, chain in groupby(rows, key=lambda row: row.shard):
        kept = list(chain)
        events += len(kept)
        missing.discard(shard)
        if fault := check_chain(shard, kept, heads.get(shard), marks.get(shard), known):
            faults.append(fault)
    for shard in sorted(missing):
        if fault := check_chain(shard, [], heads.get(shard), marks.get(shard), known):
            faults.append(fault)
    return Report(events, len(heads), sorted(faults, key=lambda fault: fault.shard))


def check_chain(
    shard: int, rows: list[Row], head: Head | None, marks: Marks | None = None, known: Known | None = None
) -> Fault | None:
    """The first fault of one shard, whose rows come in the order of seq; None when it is whole."""
    inside = _check_links(shard, rows, head)
    outside = check_marks(shard, rows, marks, known, inside.seq if inside else None) if marks else None
    if inside is None or outside is None:
        return inside or outside
    # What the chain itself shows says best what was done; the checkpoints may know of an earlier row.
    return inside if inside.seq <= (outside.until or outside.seq) else outside


def check_marks(
    shard: int, rows: list[Row], marks: Marks, known: Known | None = None, broken: int | None = None
) -> Fault | None:
    """The first row that is not the one that was sealed at its place; ``known`` narrows it down to that row.

    ``broken``: where the links break, if they do: before it a mark that is met says nothing of the rows before it.
    """
    before = 0
    for index, seq in enumerate(marks.seqs):
        is_met = seq <= len(rows) and bytes(rows[seq - 1].hash) == marks.hash_at(index)
        if not is_met or (broken is not None and before < broken <= seq):
            sealed = known(marks.offsets[index], seq - before) if known else b""
            if fault := _first_rewritten(shard, rows, before, seq, sealed):
                return fault
        if not is_met:
            only = rows[seq - 1].id if seq == before + 1 and seq <= len(rows) else None
            return Fault(shard, before + 1, "rewritten", only, None if seq == before + 1 else seq)
        before = seq
    return None


def _first_rewritten(shard: int, rows: list[Row], before: int, until: int, sealed: bytes) -> Fault | None:
    """The first row behind ``before`` whose hash does not begin as it did; ``sealed`` may have fewer than there are."""
    is_known = True
    for place in range(before + 1, until + 1):
        if place > len(rows):
            return Fault(shard, place, "truncated") if is_known else None
        start = PREFIX_BYTES * (place - before - 1)
        prefix = sealed[start : start + PREFIX_BYTES]
        is_known = bool(prefix)
        if is_known and bytes(rows[place - 1].hash)[:PREFIX_BYTES] != prefix:
            return Fault(shard, place, "rewritten", rows[place - 1].id)
    return None


def _check_links(shard: int, rows: list[Row], head: Head | None) -> Fault | None:
    if head is None:
        return Fault(shard, 0, "deleted")
    prev = START
    for index, row in enumerate(rows):
        expected = index + 1
        if row.seq == expected and bytes(row.prev) == prev and hash_of(row) == bytes(row.hash):
            prev = bytes(row.hash)
            continue
        return _name_fault(rows, index, prev)
    return _check_end(shard, rows, prev, head)


def _check_end(shard: int, rows: list[Row], last_hash: bytes, head: Head) -> Fault | None:
    """Compare a chain that is whole in itself with where its head says it ends."""
    if head.seq > len(rows):
        return Fault(shard, len(rows) + 1, "truncated")
    if head.seq < len(rows):
        return Fault(shard, head.seq + 1, "inserted", rows[head.seq].id)
    if bytes(head.hash) != last_hash:
        return Fault(shard, head.seq, "changed", rows[-1].id if rows else None)
    return None


def _name_fault(rows: list[Row], index: int, prev: bytes) -> Fault:
    """Say what happened at ``rows[index]``, the first that does not continue the chain, which ends in ``prev``."""
    row, place = rows[index], index + 1
    genuine = _follow(rows[index:], prev, place)
    if genuine and genuine[0] is not row:
        kind: Kind = "reordered" if any(row is each for each in genuine) else "inserted"
        return Fault(row.shard, place, kind, row.id)
    if genuine:
        return Fault(row.shard, place, "changed", row.id)  # all of it is right but its number
    if row.seq > place:
        return Fault(row.shard, place, "deleted")
    if row.seq < place:
        return Fault(row.shard, row.seq, "inserted", row.id)
    if bytes(row.prev) == prev:
        return Fault(row.shard, place, "changed", row.id)
    return _name_break(rows, index)


def _name_break(rows: list[Row], index: int) -> Fault:
    """The row at its place points back to another than the one before it. Which of them is wrong?"""
    row, place = rows[index], index + 1
    if hash_of(row) == bytes(row.hash) and index:
        return Fault(row.shard, place - 1, "changed", rows[index - 1].id)  # rewritten together with its hash
    for earlier, other in enumerate(rows[:index], start=1):
        if bytes(other.prev) == bytes(row.prev) and hash_of(row, seq=earlier) == bytes(row.hash):
            return Fault(row.shard, earlier, "inserted", other.id)  # well made, in the place that was this row's
    if any(hash_of(row, seq=later) == bytes(row.hash) for later in range(place + 1, place + _RENUMBERED_BY)):
        return Fault(row.shard, place, "deleted")  # and the rows after it renumbered
    return Fault(row.shard, place, "changed", row.id)


def _follow(rows: list[Row], prev: bytes, place: int) -> list[Row]:
    """The rows that truly continue the chain from ``prev`` on, in their true order, wherever they lie now."""
    by_prev: dict[bytes, list[Row]] = {}
    for row in rows:
        by_prev.setdefault(bytes(row.prev), []).append(row)
    found: list[Row] = []
    while True:
        candidates = by_prev.get(prev, [])
        true = next((row for row in candidates if hash_of(row, seq=place) == bytes(row.hash)), None)
        if true is None:
            return found
        found.append(true)
        prev, place = bytes(true.hash), place + 1


# ----------------------------------------------------------------------------------------------------- checkpoints


@dataclass(frozen=True)
class Checkpoint:
    """``statement`` is what is signed: ``number``, ``at``, ``previous`` (the hash of the checkpoint before), ``events``
    (how many are sealed in all), ``root`` (of the tree over the hashes of those that are new), ``heads`` (a hash over
    where every chain stands) and ``key`` (the public key). ``moved`` has the heads that moved: shard → (seq, hash).
    """

    statement: dict[str, Any]
    signature: str
    moved: dict[int, tuple[int, str]]

    @property
    def number(self) -> int:
        return int(self.statement["number"])

    @property
    def hash(self) -> str:
        return hashlib.sha256(signed_bytes(self.statement)).hexdigest()

    def line(self) -> str:
        """As it is kept in files and told to witnesses: one line of JSON."""
        moved = {str(shard): list(place) for shard, place in self.moved.items()}
        return json.dumps({"statement": self.statement, "signature": self.signature, "moved": moved}, sort_keys=True)


@dataclass(frozen=True)
class CheckpointFault:
    number: int
    what: str

    def __str__(self) -> str:
        return f"checkpoint {self.number}: {self.what}"


@dataclass
class Course:
    """Where checkpoints, checked one after the other, have led: the chains' heads, and the marks on the way."""

    number: int = 0
    hash: str = ""
    at: str = ""
    events: int = 0
    heads: dict[int, Head] = field(default_factory=lambda: {shard: Head(0, START) for shard in range(SHARDS)})
    marks: dict[int, Marks] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)


def read_line(line: str) -> Checkpoint:
    """A checkpoint from a line that ends in its JSON, as files and witnesses have it. Raises ValueError."""
    try:
        found = json.loads(line[line.index("{") :])
        moved = {int(shard): (int(seq), str(digest)) for shard, (seq, digest) in found.get("moved", {}).items()}
        return Checkpoint(dict(found["statement"]), str(found["signature"]), moved)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a checkpoint") from error


def signed_bytes(statement: Mapping[str, Any]) -> bytes:
    """What is signed: the statement as JSON with sorted names, without spaces, in ASCII, behind a line of its own."""
    return _SIGNED + json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()


def hash_heads(heads: Mapping[int, Head]) -> str:
    """SHA-256 over the place and hash of every chain."""
    parts = (struct.pack(">hq", shard, heads[shard].seq) + heads[shard].hash for shard in range(SHARDS))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def follow(
    checkpoints: Iterable[Checkpoint], keys: Iterable[str] = (), course: Course | None = None
) -> tuple[Course, CheckpointFault | None]:
    """Check checkpoints one after the other: numbers, links, signatures, heads. Ends at the first that is wrong.

    ``keys`` are the public keys that may sign; without any the first checkpoint's own is believed.
    """
    course, trusted = course or Course(), set(keys)
    for one in checkpoints:
        trusted = trusted or {str(one.statement.get("key"))}
        try:
            what = _check_step(course, one, trusted)
        except (KeyError, ValueError, TypeError, OverflowError):
            what = "cannot be read"
        if what:
            return course, CheckpointFault(course.number + 1, what)
    return course, None


def _check_step(course: Course, one: Checkpoint, trusted: set[str]) -> str:
    """What is wrong with the next checkpoint, or ""; goes on to it when it is right."""
    said = one.statement
    if one.number != course.number + 1:
        return "is missing"
    if said["previous"] != course.hash:
        return "does not follow from the one before"
    if said["key"] not in trusted:
        return f"is signed by another key, {said['key']}"
    if not is_signed(one):
        return "has a wrong signature"
    offset, steps = course.events, []
    heads = dict(course.heads)
    for shard in sorted(one.moved):
        seq, digest = one.moved[shard]
        if seq <= heads[shard].seq:
            return f"has shard {shard} go back"
        steps.append((shard, seq, bytes.fromhex(digest), offset))
        offset += seq - heads[shard].seq
        heads[shard] = Head(seq, bytes.fromhex(digest))
    if hash_heads(heads) != said["heads"] or offset != said["events"]:
        return "does not name the heads that were signed"
    for shard, seq, head, start in steps:
        course.marks.setdefault(shard, Marks()).add(seq, head, start)
    course.number, course.hash, course.at = one.number, one.hash, str(said["at"])
    course.events, course.heads = offset, heads
    course.keys.add(str(said["key"]))
    return ""


def is_signed(one: Checkpoint) -> bool:
    """Whether the signature is that of the key the checkpoint names."""
    key, signature = bytes.fromhex(one.statement["key"]), bytes.fromhex(one.signature)
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return ed25519_verify(key, signed_bytes(one.statement), signature)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed_bytes(one.statement))
    except InvalidSignature:
        return False
    return True


# ------------------------------------------------------------------------------------------------- the tree of RFC 9162


def _leaf(digest: bytes) -> bytes:
    return hashlib.sha256(b"\0" + digest).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_of(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Every level of the tree over ``hashes``, the leaves first; the last node of an odd level goes up as it is."""
    levels = [[_leaf(digest) for digest in hashes]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [_node(below[index], below[index + 1]) for index in range(0, len(below) - 1, 2)]
        levels.append(above + below[len(above) * 2 :])
    return levels


def root_of(levels: list[list[bytes]]) -> str:
    return (levels[-1][0] if levels[-1] else hashlib.sha256(b"").digest()).hex()


def path_to(levels: list[list[bytes]], index: int) -> list[bytes]:
    """The nodes that lead from leaf ``index`` to the root."""
    path = []
    for level in levels[:-1]:
        if (index ^ 1) < len(level):
            path.append(level[index ^ 1])
        index //= 2
    return path


def root_by(digest: bytes, index: int, size: int, path: Sequence[bytes]) -> str:
    """The root that ``path`` leads to from this leaf of ``size``. Raises ValueError where the path does not fit."""
    if not 0 <= index < size:
        raise ValueError("not a place in the tree")
    node, rest = _leaf(digest), list(path)
    while size > 1:
        if (index ^ 1) < size:
            if not rest:
                raise ValueError("the path is too short")
            node = _node(rest.pop(0), node) if index % 2 else _node(node, rest.pop(0))
        index, size = index // 2, (size + 1) // 2
    if rest:
        raise ValueError("the path is too long")
    return node.hex()


# ------------------------------------------------------------------------------------- Ed25519 of RFC 8032, verifying

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_Point = tuple[int, int, int, int]


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(factor: int, point: _Point) -> _Point:
    total: _Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            total = _add(total, point)
        point, factor = _add(point, point), factor >> 1
    return total


def _x_of(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if y >= _P or (x * x - square) % _P or (x == 0 and sign):
        return None
    return _P - x if x & 1 != sign else x


def _point(encoded: bytes) -> _Point | None:
    number = int.from_bytes(encoded, "little")
    y = number & (2**255 - 1)
    x = _x_of(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % _P)


_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE_X = _x_of(_BASE_Y, 0) or 0
_BASE: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def ed25519_verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Slow (some milliseconds) and needs nothing; for public data alone, so its time may tell what it will."""
    if len(key) != 32 or len(signature) != 64:
        return False
    owner, r, s = _point(key), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if owner is None or r is None or s >= _L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _L
    left, right = _times(s, _BASE), _add(r, _times(h, owner))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


# ------------------------------------------------------------------------------------------------- exports and proofs

COLUMNS = [*Row._fields, "proof"]


def to_record(row: Row, proof: str = "") -> dict[str, Any]:
    """An event as exports have it. ``payload`` stays the text that was hashed; ``proof``: where it was sealed."""
    times = {"id": str(row.id), "at": row.at.astimezone(UTC).isoformat(timespec="microseconds")}
    return row._asdict() | times | {"prev": bytes(row.prev).hex(), "hash": bytes(row.hash).hex(), "proof": proof}


def from_record(record: Mapping[str, Any]) -> Row:
    """Raises ValueError, KeyError or TypeError for what is no event."""
    return Row(
        shard=int(record["shard"]),
        seq=int(record["seq"]),
        id=UUID(record["id"]),
        at=datetime.fromisoformat(record["at"]),
        actor=str(record["actor"]),
        action=str(record["action"]),
        object=str(record["object"]),
        outcome=str(record["outcome"]),
        request_id=str(record["request_id"]),
        payload=str(record["payload"]),
        prev=bytes.fromhex(record["prev"]),
        hash=bytes.fromhex(record["hash"]),
    )


def write_proof(number: int, index: int, size: int, path: Sequence[bytes]) -> str:
    """The checkpoint, the event's place among those that are new in it, how many they are, the way to the root."""
    return f"{number}:{index}:{size}:{','.join(node.hex() for node in path)}"


def check_event(row: Row, proof: str, roots: Mapping[int, str]) -> str:
    """What is wrong with an event, or "": its own hash, and its way to the root of a signed checkpoint."""
    if hash_of(row) != bytes(row.hash):
        return "was changed"
    if not proof:
        return ""
    try:
        number, index, size, path = proof.split(":")
        root = root_by(row.hash, int(index), int(size), [bytes.fromhex(node) for node in path.split(",") if node])
    except ValueError:
        return "has a proof that cannot be read"
    if int(number) not in roots:
        return f"was sealed by checkpoint {number}, which is not there"
    return "" if root == roots[int(number)] else f"is not what checkpoint {number} sealed"


def _read_csv(text: io.TextIOBase) -> Iterator[tuple[Row, str]]:
    """Cells that a spreadsheet would calculate have an apostrophe in front; the hash says which are so."""
    for record in csv.DictReader(text):
        quoted = [name for name, cell in record.items() if cell[:1] == "'"]
        tries = [
            from_record(record | {name: record[name][1:] for name, is_off in zip(quoted, off, strict=True) if is_off})
            for off in product((True, False), repeat=len(quoted))
        ]
        yield next((row for row in tries if hash_of(row) == row.hash), tries[0]), record["proof"]


def _read_events(archive: zipfile.ZipFile) -> Iterator[tuple[Row, str]]:
    name = next(name for name in archive.namelist() if name in ("events.jsonl", "events.csv"))
    with archive.open(name) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
        if name.endswith(".csv"):
            yield from _read_csv(text)
        else:
            yield from ((from_record(record), record["proof"]) for record in map(json.loads, text))


def check_export(path: Path, keys: Sequence[str], say: Callable[[str], None]) -> bool:
    """Check an export (zip), saying what was found. With every event in it, whole chains; else each event alone."""
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        lines = archive.read("checkpoints.jsonl").decode().splitlines()
        checkpoints = [read_line(line) for line in lines]
        course, wrong = follow(checkpoints, keys) if manifest["complete"] else _each_alone(checkpoints, keys)
        roots = {one.number: str(one.statement["root"]) for one in checkpoints if one.number <= course.number}
        counts = {"events": 0, "unsealed": 0, "wrong": 0}

        def each() -> Iterator[Row]:
            for row, proof in _read_events(archive):
                counts["events"] += 1
                is_sealed = row.seq <= course.heads[row.shard].seq if manifest["complete"] else proof
                counts["unsealed"] += not is_sealed
                if what := check_event(row, proof, roots):
                    counts["wrong"] += 1
                    say(f"shard {row.shard}, seq {row.seq}, event {row.id}: {what}")
                yield row

        faults: list[Fault] = []
        if manifest["complete"]:
            heads = {int(shard): Head(seq, bytes.fromhex(h)) for shard, (seq, h) in manifest["heads"].items()}
            faults = verify(each(), heads, course.marks).faults
        else:
            for _row in each():
                pass
    for fault in [*([wrong] if wrong else []), *faults]:
        say(str(fault))
    say(f"{counts['events']:,} events, {counts['unsealed']:,} of them newer than the last checkpoint")
    if manifest["events"] != counts["events"]:
        say(f"the manifest says {manifest['events']:,} events")
    return _conclude(course, keys, say, wrong or faults or counts["wrong"] or manifest["events"] != counts["events"])


def _each_alone(checkpoints: Sequence[Checkpoint], keys: Sequence[str]) -> tuple[Course, CheckpointFault | None]:
    """Check the signatures of some checkpoints, of which a chosen part of the log needs no more."""
    course = Course()
    trusted = set(keys) or {str(one.statement["key"]) for one in checkpoints[:1]}
    for one in checkpoints:
        if one.statement["key"] not in trusted or not is_signed(one):
            return course, CheckpointFault(one.number, "is not signed by a key that you trust")
        course.number, course.at = one.number, str(one.statement["at"])
        course.keys.add(str(one.statement["key"]))
    return course, None


def check_proof(path: Path, keys: Sequence[str], say: Callable[[str], None]) -> bool:
    """Check the proof of one event (JSON)."""
    found = json.loads(path.read_text())
    if found["checkpoint"] is None:
        say("There is no checkpoint yet, so nothing proves this event. Ask for its proof again in some minutes.")
        return False
    one, row = read_line(json.dumps(found["checkpoint"])), from_record(found["event"])
    course = Course(one.number, at=str(one.statement["at"]), keys={str(one.statement["key"])})
    what = check_event(row, found["event"]["proof"], {one.number: str(one.statement["root"])})
    if not is_signed(one) or (keys and one.statement["key"] not in keys):
        what = f"checkpoint {one.number} is not signed by a key that you trust"
    say(f"event {row.id}, {row.at.isoformat()}: {row.actor} {row.action} {row.object} {row.outcome} {row.payload}")
    if what or not found["event"]["proof"]:
        say(f"shard {row.shard}, seq {row.seq}, event {row.id}: {what or 'is not sealed yet'}")
    return _conclude(course, keys, say, what or not found["event"]["proof"])


def _conclude(course: Course, keys: Sequence[str], say: Callable[[str], None], is_wrong: object) -> bool:
    if course.number:
        signed = ", ".join(sorted(course.keys))
        told = "" if keys else " - compare it with the key you were told, or give that with --key"
        say(f"checkpoint {course.number} of {course.at}, signed by {signed}{told}")
    say("This is NOT what was written." if is_wrong else "This is what was written.")
    return not is_wrong


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Check an export (zip) or a proof (JSON) of Parley's audit log.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", action="append", default=[], help="a public key that may have signed, hexadecimal")
    options = parser.parse_args(arguments)

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")

    check = check_export if zipfile.is_zipfile(options.file) else check_proof
    try:
        return 0 if check(options.file, options.key, say) else 1
    except (ValueError, KeyError, TypeError, StopIteration, zipfile.BadZipFile) as error:
        say(f"{options.file} cannot be read as an export or a proof: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
