"""Checkpoints in a folder outside the database: every one as a line, and the beginning of every hash they seal.

Without them whoever owns the database could rewrite it, checkpoints and all, and only the witnesses elsewhere would
know. ``hashes`` is there so that a rewritten row can be named, not only its neighbourhood: 8 bytes an event, in the
order of sealing (by checkpoint, shard and place).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from accounts.audit_chain import PREFIX_BYTES, SHARDS, Checkpoint, read_line, root_of, tree_of
from accounts.auditing.rows import stored

_TAIL = 64_000


class KeepingError(Exception):
    """What is kept outside does not agree with the database; the text says how."""


@dataclass(frozen=True)
class KeptHashes:
    """The beginnings of sealed hashes; callable, so that processes can be given it."""

    path: Path

    def __call__(self, start: int, count: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(start * PREFIX_BYTES)
                return file.read(count * PREFIX_BYTES)
        except FileNotFoundError:
            return b""


@dataclass(frozen=True)
class CheckpointFolder:
    root: Path

    @property
    def lines(self) -> Path:
        return self.root / "checkpoints.jsonl"

    @property
    def hashes(self) -> KeptHashes:
        return KeptHashes(self.root / "hashes")

    def last(self) -> Checkpoint | None:
        """The newest that is kept. Raises KeepingError where the file does not end in one."""
        try:
            with self.lines.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
                tail = file.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return None
        if not tail:
            return None
        try:
            return read_line(tail[-1])
        except ValueError as error:
            raise KeepingError(f"{self.lines} does not end in a checkpoint.") from error

    def all(self) -> Iterator[Checkpoint]:
        """Raises ValueError at a line that is none."""
        if self.lines.exists():
            with self.lines.open() as file:
                yield from (read_line(line) for line in file if line.strip())

    def add(self, one: Checkpoint, hashes: Sequence[bytes]) -> None:
        """The hashes first: a line that is there has its hashes."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        start = int(one.statement["events"]) - len(hashes)
        handle = os.open(self.hashes.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+b") as file:
            file.seek(start * PREFIX_BYTES)
            file.write(b"".join(digest[:PREFIX_BYTES] for digest in hashes))
            file.flush()
            os.fsync(file.fileno())
        handle = os.open(self.lines, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a") as lines:
            lines.write(f"{one.line()}\n")
            lines.flush()
            os.fsync(lines.fileno())


def check_last(connection: psycopg.Connection, folder: CheckpointFolder) -> None:
    """Raises KeepingError where the newest checkpoint in the folder is not the database's of that number."""
    kept = folder.last()
    if kept is None:
        return
    query = "select statement, signature, moved from audit_checkpoint where number = %s"
    row = connection.execute(query, [kept.number]).fetchone()
    if row is None:
        raise KeepingError(f"Checkpoint {kept.number} is in {folder.lines} and not in the database.")
    if stored(*row).hash != kept.hash:
        raise KeepingError(f"Checkpoint {kept.number} in {folder.lines} is another than in the database.")


def keep(connection: psycopg.Connection, folder: CheckpointFolder) -> int:
    """Bring the folder up to the database; how many were added.

    Raises KeepingError where rows are no longer those that a checkpoint sealed.
    """
    last = folder.last()
    number = last.number if last else 0
    added = 0
    query = """
        select number, statement, signature, moved from audit_checkpoint where number > %s order by number limit 50
    """
    while found := connection.execute(query, [number]).fetchall():
        for number, *parts in found:
            one, hashes = stored(*parts), sealed_hashes(connection, number)
            if root_of(tree_of(hashes)) != one.statement["root"]:
                raise KeepingError(f"The events that checkpoint {number} sealed are not those that are there now.")
            folder.add(one, hashes)
            added += 1
    return added


def sealed_hashes(connection: psycopg.Connection, number: int) -> list[bytes]:
    """Of the events that are new in this checkpoint, by shard and place."""
    before = seqs_of(connection, number - 1)
    after = seqs_of(connection, number)
    hashes: list[bytes] = []
    query = "select hash from audit_event where shard = %s and seq > %s and seq <= %s order by seq"
    for shard in range(SHARDS):
        if after[shard] > before[shard]:
            found = connection.execute(query, [shard, before[shard], after[shard]])
            hashes += [bytes(digest) for (digest,) in found]
    return hashes


def seqs_of(connection: psycopg.Connection, number: int) -> list[int]:
    """How far each chain had come; nothing before the first checkpoint."""
    row = connection.execute("select seqs from audit_checkpoint where number = %s", [number]).fetchone()
    return list(row[0]) if row else [0] * SHARDS
