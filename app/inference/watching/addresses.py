"""The address of a model server as people paste it, made into the one that requests go to."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from app.errors import BadInputError
from app.inference.models import check_address

ENDPOINTS = re.compile(r"/(chat/completions|completions|embeddings|models|rerank|responses)/?$")


class BadAddressError(BadInputError):
    """``problem`` is what is wrong, ``advice`` what to write instead; the message says both."""

    code = "bad_address"

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(f"{problem} {advice}".strip())
        self.problem, self.advice = problem, advice


def tidy_address(text: str) -> tuple[str, str]:
    """The base URL that ends in /v1, and a remark on what was changed to have it ("" for nothing).

    Raises BadAddressError when no address can be made of it.
    """
    given = text.strip()
    if not given or re.search(r"\s", given) or len(given) > 400:
        raise BadAddressError("This is no address.", "An address looks like http://10.0.0.5:8000/v1.")
    url = given if "://" in given else f"{_scheme(given)}://{given}"
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise BadAddressError("This is no address.", "Check the host and the port.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise BadAddressError("A model server's address begins with http:// or https://.")
    if parts.username or parts.password:
        raise BadAddressError("There is a password in the address.", "Take it out, and enter it as the key.")
    path = ENDPOINTS.sub("", parts.path.rstrip("/")).rstrip("/")
    address = f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v1') else f'{path}/v1'}"
    try:
        check_address(address)
    except ValidationError as error:
        raise BadAddressError(str(error.message)) from error
    return address, "" if address == text else f"Written as {address}."


def _scheme(address: str) -> str:
    """What is meant when it is left out: machines of one's own mostly speak plain HTTP, others TLS."""
    host = urlsplit(f"//{address}").hostname or ""
    try:
        return "http" if ipaddress.ip_address(host).is_private else "https"
    except ValueError:
        return "http" if "." not in host else "https"
