"""Model servers' keys at rest: encrypted under a key derived from SECRET_KEY, so that a copy of the database
opens nothing.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from app.errors import BadInputError

PURPOSE = b"parley model server keys v1"


def seal(text: str) -> str:
    return _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode()


def unseal(token: str) -> str:
    """The text that was sealed. Raises BadInputError when SECRET_KEY is not the one it was sealed under."""
    try:
        return _fernet(settings.SECRET_KEY).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise BadInputError("SECRET_KEY has changed; enter the model server's key again.") from error


@lru_cache(maxsize=2)
def _fernet(secret: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
