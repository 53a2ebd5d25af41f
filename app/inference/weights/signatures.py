"""Signed models: a ``model.sig`` in the folder, checked with the library that made it (OpenSSF model signing).

A registered sha256 says that the bytes are still the ones that were taken in; a signature also says whose they are.
The library is optional, because few models are signed yet.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import BadInputError, UnavailableError
from app.inference.errors import TamperedModelError
from app.inference.weights.folders import list_files
from app.inference.weights.harmless import SIGNATURE


@dataclass(frozen=True)
class Signer:
    """Whose signature is asked for: the holder of a key, or of a certificate that one of these vouches for."""

    public_key: Path | None = None
    certificates: tuple[Path, ...] = ()


def check_signature(folder: Path, signer: Signer) -> None:
    """Raise TamperedModelError unless every file of ``folder`` is signed by ``signer``."""
    for file in (signer.public_key, *signer.certificates):
        if file is not None and not file.is_file():
            raise BadInputError(f"{file} is not a file.")
    if not (folder / SIGNATURE).is_file():
        raise TamperedModelError(f"{folder} is not signed: it has no {SIGNATURE}.")
    config = _verifier(signer)
    try:
        config.set_ignore_unsigned_files(True).verify(folder, folder / SIGNATURE)
        signed = _signed_files(folder / SIGNATURE)
    except Exception as error:  # the library raises many kinds, and each of them means: not to be trusted
        raise TamperedModelError(f"The signature of {folder} does not hold: {error}") from error
    if extra := sorted({name for name in list_files(folder) if name != SIGNATURE} - signed):
        raise TamperedModelError(f"{extra[0]} in {folder} is not among the files that were signed.")


def _verifier(signer: Signer) -> Any:
    try:
        from model_signing import verifying  # type: ignore[import-not-found,unused-ignore]  # optional
    except ImportError as error:
        raise UnavailableError(
            f"Signatures are checked with the package model-signing, which cannot be used here ({error}): "
            "run `pip install model-signing pyopenssl` in Parley's environment."
        ) from error
    if signer.public_key:
        return verifying.Config().use_elliptic_key_verifier(public_key=signer.public_key)
    return verifying.Config().use_certificate_verifier(certificate_chain=list(signer.certificates))


def _signed_files(signature: Path) -> set[str]:
    """The files that a signature, already found good, speaks of: its statement lists them as resources."""
    bundle = json.loads(signature.read_text())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    return {str(resource["name"]) for resource in statement["predicate"]["resources"]}
