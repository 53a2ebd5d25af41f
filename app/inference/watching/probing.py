"""Asking a model server something beside the token path: how it is, what it counts, which models it has.

Addresses are the administrator's own choice, so any may be asked; but no redirect is followed, no proxy of the
environment is used, and an answer is read only so far and so long. What fails is said in words for people.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp
import orjson

from app.errors import ParleyError

MOST_BYTES = 2_000_000

Trouble = Literal["address", "name", "refused", "unreachable", "certificate", "tls", "timeout", "broken", "too_large"]


class ProbeError(ParleyError):
    """No answer, or none that can be used. ``trouble`` names the kind; the message is a sentence for people."""

    code = "no_answer"
    status = 502
    retry = True

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Answer:
    """``location`` is where a redirect points, else ""."""

    status: int
    body: bytes
    content_type: str = ""
    location: str = ""

    def json(self) -> Any:
        """Raises ValueError when it is not JSON."""
        return orjson.loads(self.body)


def new_session() -> aiohttp.ClientSession:
    """A session of the running event loop; the caller closes it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=200, limit_per_host=8, keepalive_timeout=3.0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "*/*", "Accept-Encoding": "identity"},
    )


async def get(session: aiohttp.ClientSession, url: str, *, api_key: str | None = None, seconds: float = 2.0) -> Answer:
    """What the server answers to a GET, whatever its status, all within ``seconds``. Raises ProbeError."""
    return await _ask(session, "GET", url, None, api_key, seconds)


async def post(
    session: aiohttp.ClientSession, url: str, body: Any, *, api_key: str | None = None, seconds: float = 10.0
) -> Answer:
    """What the server answers to JSON that is posted, whatever its status. Raises ProbeError."""
    return await _ask(session, "POST", url, orjson.dumps(body), api_key, seconds)


async def _ask(
    session: aiohttp.ClientSession, method: str, url: str, data: bytes | None, api_key: str | None, seconds: float
) -> Answer:
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    if data is not None:
        headers["Content-Type"] = "application/json"
    try:
        async with (
            asyncio.timeout(seconds),
            session.request(method, url, data=data, headers=headers, allow_redirects=False) as response,
        ):
            body = bytearray()
            async for part in response.content.iter_any():
                body += part
                if len(body) > MOST_BYTES:
                    raise ProbeError("too_large", f"It sends more than {MOST_BYTES // 1_000_000} MB.")
            location = response.headers.get("Location", "") if 300 <= response.status < 400 else ""
            return Answer(response.status, bytes(body), response.content_type, location)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise describe(error, url, seconds) from error


def root_of(address: str) -> str:
    """Where a server keeps what is not of OpenAI's language: its address without ``/v1``."""
    return address.rstrip("/").removesuffix("/v1")


def describe(error: Exception, url: str, seconds: float) -> ProbeError:
    """Why there was no answer, in words."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if isinstance(error, TimeoutError):
        return ProbeError("timeout", f"It does not answer within {seconds:g} s.")
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return ProbeError("name", f"No machine is known by the name {host}.")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return ProbeError("certificate", f"Its certificate cannot be trusted: {_certificate(error)}.")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return ProbeError("tls", "It does not speak TLS as https:// wants.")
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return ProbeError("refused", f"Nothing listens on port {port} of {host}.")
        why = error.os_error.strerror or type(error.os_error).__name__
        return ProbeError("unreachable", f"{host} cannot be reached: {why}.")
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return ProbeError("address", "This is no address.")
    return ProbeError("broken", "It ends the connection without an answer that can be read.")


def _certificate(error: Exception) -> str:
    """What OpenSSL says is wrong with a certificate: ``self-signed certificate``, ``certificate has expired``."""
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    return str(getattr(cause, "verify_message", "") or cause).rstrip(".")
