"""The options by which commands ask for signed models."""

import argparse
from pathlib import Path
from typing import Any

from app.inference.weights.signatures import Signer


def add_signer_options(parser: argparse.ArgumentParser) -> None:
    signer = parser.add_mutually_exclusive_group()
    signer.add_argument("--signature-key", type=Path, help="Public key (PEM) that must have signed every file.")
    signer.add_argument("--signature-certificate", type=Path, action="append", help="Or a certificate; repeatable.")


def signer_of(options: dict[str, Any]) -> Signer | None:
    key, certificates = options["signature_key"], options["signature_certificate"] or []
    return Signer(key, tuple(certificates)) if key or certificates else None
