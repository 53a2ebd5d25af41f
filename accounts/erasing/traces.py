"""What of a person is outside the tables: in Valkey, in sessions that nobody finished, and in lines of the log.

All of it would go by itself within days. Erased means now.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import redis.exceptions
from django.conf import settings
from django.contrib.sessions.models import Session

from accounts.models import User
from app.web.valkey import quick_client

log = logging.getLogger(__name__)

LEAST = 6  # characters of a name that is looked for in logs: a shorter one would be found in other words
_AT_ONCE = 1_000
_BLOCK = 1 << 20


def remove_traces(person: User) -> dict[str, int]:
    """Remove all of them; how many of each. What cannot be reached is left to run out, and the log says so."""
    return {
        "cached": _forget_cached(person),
        "sessions": _forget_unfinished(person),
        "log lines": blot_out(_words_of(person)),
        "demo": _forget_in_demo(person),
    }


def _forget_cached(person: User) -> int:
    """Every key of Valkey that names the person; what is in no such key has a life of an hour at most."""
    client = quick_client(settings.VALKEY_URL)
    count = 0
    try:
        for name in (str(person.pk), person.email):
            for key in client.scan_iter(match=f"*{_as_pattern(name)}*", count=_AT_ONCE):
                count += client.delete(key)
    except redis.exceptions.RedisError as error:
        log.warning("Valkey does not answer, so what it keeps of an erased person runs out by itself: %r", error)
    return count


def _as_pattern(name: str) -> str:
    return "".join(f"\\{letter}" if letter in "*?[]\\^" else letter for letter in name)


def _forget_unfinished(person: User) -> int:
    """Sessions that carry the person although no device of theirs has them: signing in was never finished."""
    words = (str(person.pk), person.email.casefold())
    gone = [
        session.pk
        for session in Session.objects.all().iterator(_AT_ONCE)
        if any(word in str(session.get_decoded()).casefold() for word in words)
    ]
    Session.objects.filter(pk__in=gone).delete()
    return len(gone)


def _forget_in_demo(person: User) -> int:
    """The sign-in of somebody of the demo company, in the file that tells them all."""
    path = Path(settings.DATA.demo)
    if not path.is_file():
        return 0
    told = json.loads(path.read_text())
    left = [one for one in told["accounts"] if one["email"].casefold() != person.email.casefold()]
    count = len(told["accounts"]) - len(left)
    if count:
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(told | {"accounts": left}, indent=2) + "\n")
        draft.replace(path)
    return count


def _words_of(person: User) -> list[str]:
    words = [person.email]
    if len(person.name) >= LEAST:
        words.append(person.name)
    return words


def blot_out(words: list[str]) -> int:
    """Overwrite words in the files of the log, letter by letter, while others go on writing to their ends; how often.

    A line that is being written just now may be missed; the next erasure of the same words finds it.
    """
    return sum(_blot_out_in(path, word.encode()) for path in _log_files() for word in words if word)


def _log_files() -> Iterator[Path]:
    folder = Path(settings.DATA.logs)
    return (path for path in sorted(folder.glob("*.log*")) if path.is_file()) if folder.is_dir() else iter(())


def _blot_out_in(path: Path, word: bytes) -> int:
    count = 0
    lower = word.lower()
    try:
        with path.open("r+b") as file:
            place, overlap = 0, len(word) - 1
            while True:
                file.seek(place)
                block = file.read(_BLOCK)
                low = block.lower()
                at = low.find(lower)
                while at >= 0:
                    file.seek(place + at)
                    file.write(b"*" * len(word))
                    count += 1
                    at = low.find(lower, at + len(word))
                if len(block) < _BLOCK:
                    return count
                place += len(block) - overlap
    except OSError as error:
        log.warning("%s may still name an erased person: %s", path.name, error.strerror)
    return count
