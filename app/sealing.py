"""Secrets at rest: encrypted under keys derived from SECRET_KEY, so that a copy of the database opens nothing.

Each purpose has a key of its own: what was sealed for one cannot be opened as if it were for another.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from app.errors import BadInputError


class CannotUnsealError(BadInputError):
    """SECRET_KEY is not the one it was sealed under, or this was sealed for another purpose."""


def seal(purpose: str, text: str) -> str:
    return _fernet(settings.SECRET_KEY, purpose).encrypt(text.encode()).decode()


def unseal(purpose: str, token: str) -> str:
    """The text that was sealed for this purpose. Raises CannotUnsealError."""
    try:
        return _fernet(settings.SECRET_KEY, purpose).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise CannotUnsealError("SECRET_KEY has changed; enter this secret again.") from error


@lru_cache(maxsize=8)
def _fernet(secret: str, purpose: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
