"""The master key, which wraps every person's key: from the environment, a file, or a command that prints it.

Several may be given, the present one first; the others only open what was wrapped before, while it is being rotated.
Each is known by an id that follows from it, so that what was wrapped names its master key and a wrong one is told
apart from a damaged row. Where nothing is given a new installation makes a file of its own (mode 600).
"""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from app.embedded import paths
from app.errors import BadInputError, UnavailableError

SHORTEST = 32
COMMAND_SECONDS = 20
FILE = "master_key"


class MasterKeyError(UnavailableError):
    """No master key that was given opens this. Nothing is lost: it opens again with the right one."""

    code = "master_key"


@dataclass(frozen=True)
class MasterKey:
    """``id`` follows from the key and tells nothing of it."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, text: str) -> MasterKey:
        """Raises BadInputError for what is too short to be a key."""
        if len(text) < SHORTEST:
            raise BadInputError(
                f"A master key has at least {SHORTEST} characters; one of those given has {len(text)}. "
                "Make one with: openssl rand -base64 48"
            )
        secret = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"parley master key v1").derive(text.encode())
        return cls(sha256(b"parley master key id " + secret).hexdigest()[:16], secret)


def master_keys() -> tuple[MasterKey, ...]:
    """All that were given, the present one first. Raises BadInputError where they cannot be read."""
    return _read(settings.MASTER_KEY, settings.MASTER_KEY_COMMAND)


def present() -> MasterKey:
    return master_keys()[0]


def find_master(key_id: str) -> MasterKey:
    """Raises MasterKeyError when it was not given."""
    for key in master_keys():
        if key.id == key_id:
            return key
    given = ", ".join(key.id for key in master_keys())
    raise MasterKeyError(
        f"The master key {key_id} is needed and was not given ({given} was). Give it with MASTER_KEY, MASTER_KEY_FILE "
        "or MASTER_KEY_COMMAND, after the present one. Nothing is lost."
    )


def cipher_of(key: MasterKey, purpose: str) -> AESGCM:
    """A key of its own for each purpose: what was sealed for one does not open for another."""
    return _cipher(key.secret, purpose)


def lies_beside_database() -> bool:
    """Whether nobody gave one, so that it is the file in the data folder, where the embedded database is too."""
    return not settings.MASTER_KEY and not settings.MASTER_KEY_COMMAND


@lru_cache(maxsize=8)
def _read(given: str | None, command: str | None) -> tuple[MasterKey, ...]:
    if given and command:
        raise BadInputError("MASTER_KEY and MASTER_KEY_COMMAND are both set; keep one of them.")
    text = given or (_output_of(command) if command else paths.secret(FILE))
    words = [word for line in text.splitlines() if not line.lstrip().startswith("#") for word in line.split()]
    if not words:
        raise BadInputError("MASTER_KEY has no key in it. Make one with: openssl rand -base64 48")
    return tuple(dict.fromkeys(MasterKey.of(word) for word in words))


def _output_of(command: str) -> str:
    """Run once in the life of a process."""
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BadInputError(f"MASTER_KEY_COMMAND did not end within {COMMAND_SECONDS} s.") from error
    except (OSError, ValueError) as error:
        raise BadInputError(f"MASTER_KEY_COMMAND cannot be run: {error}.") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]
        raise BadInputError(f"MASTER_KEY_COMMAND failed with status {done.returncode}: {said}")
    return done.stdout


@lru_cache(maxsize=64)
def _cipher(secret: bytes, purpose: str) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret))
