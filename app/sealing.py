"""The organisation's secrets at rest: encrypted under keys derived from the master key, so that a copy of the database
opens nothing.

Each purpose has a key of its own: what was sealed for one cannot be opened as if it were for another. Tokens from
before there was a master key were sealed under SECRET_KEY; they open as long as that stays, until ``rotate_keys`` has
sealed them anew.
"""

from __future__ import annotations

import base64
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from app.errors import BadInputError
from app.master_keys import MasterKeyError, cipher_of, find_master, present

_MARK = "m1."
_NONCE = 12


class CannotUnsealError(BadInputError):
    """The key is not the one it was sealed under, or this was sealed for another purpose."""


def seal(purpose: str, text: str) -> str:
    master, nonce = present(), os.urandom(_NONCE)
    sealed = cipher_of(master, purpose).encrypt(nonce, text.encode(), purpose.encode())
    return f"{_MARK}{master.id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def unseal(purpose: str, token: str) -> str:
    """The text that was sealed for this purpose. Raises CannotUnsealError."""
    if not token.startswith(_MARK):
        return _unseal_old(purpose, token)
    try:
        _, master_id, encoded = token.split(".", 2)
        sealed = base64.urlsafe_b64decode(encoded)
        cipher = cipher_of(find_master(master_id), purpose)
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode()).decode()
    except MasterKeyError as error:
        raise CannotUnsealError(f"{error.message} Or enter this secret again.") from error
    except (InvalidTag, ValueError) as error:
        raise CannotUnsealError("This secret was changed or moved in the database; enter it again.") from error


def is_present(token: str) -> bool:
    """Whether it is sealed under the present master key."""
    return token.startswith(f"{_MARK}{present().id}.")


def _unseal_old(purpose: str, token: str) -> str:
    try:
        return _fernet(settings.SECRET_KEY, purpose).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise CannotUnsealError("SECRET_KEY has changed; enter this secret again.") from error


@lru_cache(maxsize=8)
def _fernet(secret: str, purpose: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
