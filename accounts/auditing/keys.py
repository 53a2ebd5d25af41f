"""The key that signs checkpoints: Ed25519, in a file of this installation or wherever the house keeps its keys.

A process that only signs can have it alone (``AUDIT_SIGNING=0`` for all others, which then know the public key).
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

from app.embedded import paths
from app.errors import BadInputError

FILE = "audit_key"
_SHORTEST = 32


def signing_key() -> Ed25519PrivateKey:
    """From AUDIT_KEY (PEM, or any long random text), else this installation's own. Raises BadInputError."""
    text = settings.AUDIT_KEY or paths.secret(FILE)
    if text.startswith("-----BEGIN"):
        return _from_pem(text)
    if len(text) < _SHORTEST:
        raise BadInputError(f"AUDIT_KEY is too short: give a PEM, or at least {_SHORTEST} random characters.")
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"parley audit checkpoints" + text.encode()).digest())


def _from_pem(text: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError) as error:
        raise BadInputError("AUDIT_KEY is no PEM of a private key without a password.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInputError("AUDIT_KEY is a key of another kind: make one with openssl genpkey -algorithm ed25519.")
    return key


def public_key(key: Ed25519PrivateKey) -> str:
    """In hexadecimal, as checkpoints name it."""
    return key.public_key().public_bytes_raw().hex()


def trusted_keys() -> list[str]:
    """Public keys whose checkpoints count: those that the settings name (of a signer elsewhere, of earlier keys), and
    the one this installation signs with.
    """
    named = [key.lower() for key in settings.AUDIT_PUBLIC_KEYS]
    return named if not settings.AUDIT_SIGNING and named else [*named, public_key(signing_key())]
