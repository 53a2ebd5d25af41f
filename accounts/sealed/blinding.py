"""Words that can be found again and not read: each is replaced by what only its person's key makes of it.

A word becomes a chain of pieces, of which each stands for its beginning up to there: the first three letters, then one
letter more each time. So a beginning of a word is a beginning of what stands for it, and PostgreSQL's own text search
finds words, beginnings and words in a row without knowing any. Words of scripts that need less than three letters to
say something go letter by letter from the first. See docs/decisions/0030-sealed-texts.md for what this protects.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import blake2b

HEAD = 3
LONGEST = 32
MOST_CHARACTERS = 50_000
_LAST_PLACE, _MOST_PLACES = 16_383, 255
_PIECE_BYTES = 3


def words_in(text: str) -> list[str]:
    """The words of a text as they are found by, in order."""
    return _pattern().findall(unicodedata.normalize("NFC", text[:MOST_CHARACTERS]).lower())


def blind(secret: bytes, word: str) -> str:
    """What stands for a word, or for its beginning."""
    head = HEAD if word[:HEAD].isascii() else 1
    chain = blake2b(key=secret, digest_size=_PIECE_BYTES)
    chain.update(word[:head].encode())
    pieces = [chain.digest()]
    for sign in word[head:LONGEST]:
        chain.update(sign.encode())
        pieces.append(chain.digest())
    if len(word) > LONGEST:
        chain.update(word[LONGEST:].encode())
        pieces.append(chain.digest())
    return base64.urlsafe_b64encode(b"".join(pieces)).decode()


def vector_of(secret: bytes, words: Iterable[str], weight: str = "", begin: int = 0) -> str:
    """The words of a text as PostgreSQL reads a tsvector."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(words, begin + 1):
        places[word].append(min(place, _LAST_PLACE))
    return " ".join(
        f"'{blind(secret, word)}':{','.join(f'{place}{weight}' for place in found[:_MOST_PLACES])}"
        for word, found in places.items()
    )


def query_of(secret: bytes, words: Sequence[str], *, is_beginning: bool = False) -> str:
    """Words in a row as PostgreSQL reads a tsquery; the last one may be only the beginning of a word."""
    asked = [f"'{blind(secret, word[:LONGEST] if is_beginning else word)}'" for word in words]
    return " <-> ".join(asked) + (":*" if is_beginning and asked else "")


@cache
def _pattern() -> re.Pattern[str]:
    """Letters and digits with the marks that belong to them, which ``\\w`` leaves out."""
    marks = [code for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M")]
    return re.compile(rf"(?:[^\W_]|[{re.escape(''.join(map(chr, marks)))}])+")
