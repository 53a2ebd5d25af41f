"""How each protocol is opened, always to an address that was checked, and never with what the machine itself may do.

Every driver has its own way of finding credentials by itself: an agent, files in a home folder, the metadata of a cloud
machine. All of these are switched off here, for a source may only use what its owner gave it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from knowledge.connectors.files.walking import Opened
from knowledge.fetching.asking import Limits
from knowledge.fetching.errors import RefusedError
from knowledge.fetching.reach import Reach

_SECONDS = 30
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
_SECRET_NEEDED = "It needs a name and a password or key."  # noqa: S105 - a sentence


@dataclass(frozen=True)
class Place:
    """An address of a file system, taken apart; ``user`` and ``secret`` come from the other fields."""

    protocol: str
    host: str
    port: int
    path: str
    user: str = ""
    secret: str = ""
    host_key: str = ""
    account: str = ""


@dataclass(frozen=True)
class Protocol:
    """One way to speak: the package its driver needs ("" for none), its usual port (0: no host is named), and how."""

    label: str
    package: str
    port: int
    open: Callable[[Place, Reach], Opened]

    def is_installed(self) -> bool:
        return not self.package or find_spec(self.package) is not None


def place_of(address: str) -> Place:
    """Take an address apart. Raises ValueError saying what to write instead."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError("that is not an address") from error
    protocol = ALIASES.get(parts.scheme.lower(), parts.scheme.lower())
    if protocol in ("http", "https"):
        raise ValueError('for http:// and https:// take the kind "Web site", or davs:// for a WebDAV server')
    if protocol == "s3":
        raise ValueError('for s3:// take the kind "S3 bucket"')
    if protocol not in PROTOCOLS:
        raise ValueError(f"begin with one of {', '.join(f'{name}://' for name in PROTOCOLS)}")
    if parts.username or parts.password or "@" in parts.netloc:
        raise ValueError("write the name and the password into their own fields, not into the address")
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an address looks like sftp://files.example.org/handbook")
    path = "/".join(part for part in unquote(parts.path).split("/") if part)
    if ".." in path.split("/") or not path.isprintable():
        raise ValueError("the path must not hold ..")
    return Place(protocol, parts.hostname, port or PROTOCOLS[protocol].port, path)


def _checked(place: Place, reach: Reach) -> str:
    """The address to connect to instead of the name."""
    return reach.addresses(place.host, place.port, frozenset({PROTOCOLS[place.protocol].port}))[0]


def _check_secrecy(place: Place, reach: Reach) -> None:
    if place.secret and not reach.is_named(place.host, place.port):
        raise RefusedError(
            f"{place.protocol}:// would send the password unencrypted. An operator can vouch for the host with "
            f"SOURCE_HOSTS={place.host}:{place.port}."
        )


def _open_ftp(place: Place, reach: Reach) -> Opened:
    from fsspec.implementations.ftp import FTPFileSystem  # type: ignore[import-untyped]

    _check_secrecy(place, reach)
    system = FTPFileSystem(
        _checked(place, reach),
        port=place.port,
        username=place.user or "anonymous",
        password=place.secret or "anonymous@",
        timeout=_SECONDS,
        skip_instance_cache=True,
        use_listings_cache=False,
    )

    def fetch(path: str, take: Callable[[bytes], object]) -> None:
        system.ftp.retrbinary(f"RETR {path}", take)  # reading parts would need ABOR, which few servers do alike

    return Opened(system, f"/{place.path}", system.ftp.close, fetch)


def _open_sftp(place: Place, reach: Reach) -> Opened:
    from fsspec.implementations.sftp import SFTPFileSystem  # type: ignore[import-untyped]

    if not place.user or not place.secret:
        raise RefusedError(_SECRET_NEEDED)
    is_key = place.secret.lstrip().startswith("-----BEGIN")
    system = SFTPFileSystem(
        _checked(place, reach),
        port=place.port,
        username=place.user,
        **({"pkey": _private_key(place.secret)} if is_key else {"password": place.secret}),
        look_for_keys=False,
        allow_agent=False,
        timeout=_SECONDS,
        banner_timeout=_SECONDS,
        auth_timeout=_SECONDS,
        host_key_policy=_host_key_policy(place),
        skip_instance_cache=True,
    )
    return Opened(system, f"/{place.path}", system.client.close)


def _private_key(text: str) -> Any:
    import paramiko  # type: ignore[import-untyped, import-not-found, unused-ignore]

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text.strip() + "\n"))
        except (paramiko.SSHException, ValueError):
            continue
    raise RefusedError("The private key cannot be read. It has to be without a passphrase.")


def _host_key_policy(place: Place) -> Any:
    """Accept the one key that the settings name; without it nobody could tell the server from an impostor."""
    import paramiko

    class OnlyThisKey(paramiko.MissingHostKeyPolicy):  # type: ignore[misc, unused-ignore]
        def missing_host_key(self, client: object, hostname: str, key: Any) -> None:
            digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
            if place.host_key.strip().removeprefix("SHA256:").rstrip("=") != digest:
                raise RefusedError(
                    f"{place.host} shows the host key SHA256:{digest}. If that is its key, enter it as the host key."
                )

    return OnlyThisKey()


def _open_smb(place: Place, reach: Reach) -> Opened:
    from fsspec.implementations.smb import SMBFileSystem  # type: ignore[import-untyped]
    from smbclient import delete_session  # type: ignore[import-untyped, import-not-found, unused-ignore]

    if not place.user or not place.secret:
        raise RefusedError(_SECRET_NEEDED)
    address = _checked(place, reach)
    system = SMBFileSystem(
        address,
        port=place.port,
        username=place.user,
        password=place.secret,
        timeout=_SECONDS,
        share_access="rwd",
        register_session_retries=0,
        skip_instance_cache=True,
    )
    return Opened(system, f"/{place.path}", lambda: delete_session(address, port=place.port))


def _open_dav(place: Place, reach: Reach) -> Opened:
    from webdav4.fsspec import WebdavFileSystem  # type: ignore[import-untyped, import-not-found, unused-ignore]

    from knowledge.fetching.transport import CheckedTransport

    transport = CheckedTransport(reach, Limits(total_seconds=300))
    scheme = "https" if place.protocol == "davs" else "http"
    if scheme == "http":
        _check_secrecy(place, reach)
    host = f"[{place.host}]" if ":" in place.host else place.host
    system = WebdavFileSystem(
        f"{scheme}://{host}:{place.port}/{quote(place.path)}",
        auth=(place.user, place.secret) if place.user or place.secret else None,
        transport=transport,
        trust_env=False,
        retry=False,
    )
    return Opened(system, "", transport.close)


def _open_gs(place: Place, reach: Reach) -> Opened:
    from gcsfs import GCSFileSystem  # type: ignore[import-untyped, import-not-found, unused-ignore]

    system = GCSFileSystem(
        token=_google_account(place.secret) if place.secret else "anon",
        access="read_only",
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    return Opened(system, f"{place.host}/{place.path}".rstrip("/"))


def _google_account(text: str) -> dict[str, Any]:
    """A service account's key, which may ask for tokens at Google alone."""
    try:
        account = json.loads(text)
    except ValueError as error:
        raise RefusedError("The credential is not the JSON key of a service account.") from error
    if not isinstance(account, dict) or account.get("type") != "service_account":
        raise RefusedError("The credential is not the JSON key of a service account.")
    if account.get("token_uri") != _GOOGLE_TOKENS:
        raise RefusedError("The service account's key names a place for tokens that is not Google's.")
    return account


def _open_az(place: Place, reach: Reach) -> Opened:
    from adlfs import AzureBlobFileSystem  # type: ignore[import-untyped, import-not-found, unused-ignore]

    if not _ACCOUNT.fullmatch(place.account):
        raise RefusedError("The storage account is missing: 3 to 24 small letters and digits.")
    identity: dict[str, Any] = {"anon": True}
    if place.secret:
        is_signature = "sig=" in place.secret
        identity = {"sas_token" if is_signature else "account_key": place.secret, "anon": False}
    system = AzureBlobFileSystem(
        account_name=place.account, use_listings_cache=False, skip_instance_cache=True, **identity
    )
    return Opened(system, f"{place.host}/{place.path}".rstrip("/"))


PROTOCOLS = {
    "sftp": Protocol("SFTP", "paramiko", 22, _open_sftp),
    "davs": Protocol("WebDAV", "webdav4", 443, _open_dav),
    "dav": Protocol("WebDAV", "webdav4", 80, _open_dav),
    "smb": Protocol("Windows shares", "smbprotocol", 445, _open_smb),
    "ftp": Protocol("FTP", "", 21, _open_ftp),
    "gs": Protocol("Google Cloud Storage", "gcsfs", 0, _open_gs),
    "az": Protocol("Azure Blob Storage", "adlfs", 0, _open_az),
}
ALIASES = {"ssh": "sftp", "webdav": "dav", "webdavs": "davs", "gcs": "gs", "abfs": "az"}
