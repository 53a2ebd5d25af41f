"""Files of people on disk: sealed in pieces under their person's key, so that no file has to fit into memory.

Each piece is bound to the file's name, its number and whether it is the last, so pieces cannot be left out, swapped or
brought in from elsewhere. A file without the mark was kept before there were keys, and is read as it stands.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag

from accounts.sealed.person_keys import DataKey, find_key
from app.errors import NotFoundError

MARK = b"PARLEY\x00\x01"
_PIECE = 1 << 20
_TAG, _ID, _PREFIX = 16, 16, 8
_HEADER = len(MARK) + _ID + _PREFIX
_LAST = 1 << 31


def sealed_pieces(key: DataKey, name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a file as they go to disk. ``name`` is what it has to be opened by."""
    if key.cipher is None:
        raise ValueError("nothing can be sealed under a key that was destroyed")
    prefix = os.urandom(_PREFIX)
    header = MARK + key.id.bytes + prefix
    yield header
    number, held = 0, b""
    for piece in pieces:
        held += piece
        while len(held) > _PIECE:
            yield key.cipher.encrypt(_nonce(prefix, number), held[:_PIECE], header + name.encode())
            number, held = number + 1, held[_PIECE:]
    yield key.cipher.encrypt(_nonce(prefix, number | _LAST), held, header + name.encode())


def opened_pieces(path: Path, name: str) -> Iterator[bytes]:
    """The bytes of a file as they came. Raises NotFoundError when it is not there, or cannot be opened."""
    try:
        file = path.open("rb")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFoundError from error
    with file:
        header = file.read(_HEADER)
        if not header.startswith(MARK):
            yield header
            while piece := file.read(_PIECE):
                yield piece
            return
        key, prefix = find_key(_key_id(header)), header[-_PREFIX:]
        if key.cipher is None:
            raise NotFoundError
        number, here = 0, file.read(_PIECE + _TAG)
        while here:
            after = file.read(_PIECE + _TAG)
            nonce = _nonce(prefix, number if after else number | _LAST)
            try:
                yield key.cipher.decrypt(nonce, here, header + name.encode())
            except InvalidTag as error:
                raise NotFoundError from error
            number, here = number + 1, after


def key_id_of_file(path: Path) -> UUID | None:
    """The key that a file names; None for one that is plain. Raises FileNotFoundError."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
    return _key_id(header) if header.startswith(MARK) and len(header) == _HEADER else None


def _key_id(header: bytes) -> UUID:
    return UUID(bytes=header[len(MARK) : len(MARK) + _ID])


def _nonce(prefix: bytes, number: int) -> bytes:
    return prefix + number.to_bytes(4, "big")
