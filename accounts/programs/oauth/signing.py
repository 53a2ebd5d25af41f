"""The key that signs who somebody is (OpenID Connect's id_token): elliptic, derived from SECRET_KEY.

So every process of a house has the same one, nothing has to be kept, and it changes when SECRET_KEY does. Access tokens
are not signed: they are looked up, because they have to end at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
_CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def signing_key() -> ECKey:
    return _key_of(settings.SECRET_KEY)


def public_keys() -> dict[str, Any]:
    """The JWKS document."""
    key = signing_key()
    return {"keys": [{**key.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": ALGORITHM}]}


@lru_cache(maxsize=2)
def _key_of(secret: str) -> ECKey:
    # Sixteen bytes more than the curve's order has, so that the remainder favours no number (FIPS 186-5, A.2.1).
    derived = HKDF(algorithm=SHA256(), length=48, salt=None, info=b"parley id tokens").derive(secret.encode())
    number = int.from_bytes(derived) % (_CURVE_ORDER - 1) + 1
    private = ec.derive_private_key(number, ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = ECKey.import_key(pem)
    key.ensure_kid()
    return key
