"""Asking a directory: who somebody is, whether a password is theirs, and everybody there is.

One connection for each question, closed at its end; every step has a time limit, and the next server is asked when one
does not answer. Certificates are always checked. Names go into filters escaped. Referrals are not followed, so that no
password goes to a server that nobody named.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from ldap3 import AUTO_BIND_NO_TLS, AUTO_BIND_TLS_BEFORE_BIND, NONE, SIMPLE, SUBTREE, SYNC, Connection, Server, Tls
from ldap3.core.exceptions import (
    LDAPException,
    LDAPInvalidCredentialsResult,
    LDAPInvalidDnError,
    LDAPNoSuchObjectResult,
    LDAPOperationResult,
)
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from accounts.ldap.directories import LdapDirectory
from app.errors import UnavailableError

log = logging.getLogger(__name__)
NESTED = "1.2.840.113556.1.4.1941"  # LDAP_MATCHING_RULE_IN_CHAIN
PAGE = 500
MOST_PEOPLE = 200_000
T = TypeVar("T")


class DirectoryError(UnavailableError):
    """No server of the directory answered, or what it answered cannot be used. The message is for whoever keeps it."""

    code = "directory_unavailable"


class _CheckedTls(Tls):  # type: ignore[misc]
    """TLS by Python's own rules: the certificate and the host's name are checked in the handshake, within the time."""

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        context = ssl.create_default_context(cafile=self.ca_certs_file)
        plain = connection.socket
        plain.settimeout(connection.server.connect_timeout)
        connection.socket = context.wrap_socket(plain, server_hostname=connection.server.host)
        connection.socket.settimeout(None)  # from here on the connection's own limit counts


@dataclass(frozen=True)
class Entry:
    """Somebody as the directory has them. ``words`` are DNs and names of their groups, in lower case."""

    dn: str
    uid: str
    email: str
    name: str
    words: frozenset[str]


def find_entry(directory: LdapDirectory, address: str) -> Entry | None:
    """Who has this address; nobody where it is not exactly one. Raises DirectoryError."""
    return _anywhere(directory, lambda url: _find(directory, url, address))


def check_password(directory: LdapDirectory, address: str, password: str) -> Entry | None:
    """Who this is, if the directory says that the password is theirs. Raises DirectoryError.

    An empty password is nobody's: directories answer it as if nobody had been named, which looks like a yes.
    """
    if not password or "\0" in password:
        return None

    def check(url: str) -> Entry | None:
        entry = _find(directory, url, address)
        if entry is None:
            return None
        try:
            with _connected(directory, url, entry.dn, password):
                return entry
        except (LDAPInvalidCredentialsResult, LDAPNoSuchObjectResult):
            return None

    return _anywhere(directory, check)


def list_entries(directory: LdapDirectory) -> list[Entry]:
    """Everybody there is, without their groups where those have to be searched for. Raises DirectoryError."""

    def read(url: str) -> list[Entry]:
        with _service(directory, url) as connection:
            found = connection.extend.standard.paged_search(
                directory.base,
                directory.people,
                SUBTREE,
                attributes=_attributes(directory),
                paged_size=PAGE,
                generator=True,
            )
            rows = (row for row in found if row.get("type") == "searchResEntry")
            entries = []
            for row in rows:
                entries.append(_entry(directory, row, _member_of(row)))
                if len(entries) > MOST_PEOPLE:
                    raise DirectoryError(f"{directory.name} has more than {MOST_PEOPLE} people. Narrow base or people.")
            return entries

    return _anywhere(directory, read)


def words_of(directory: LdapDirectory, entries: list[Entry]) -> dict[str, frozenset[str]]:
    """The groups of each by their id, asked for where they do not stand in the entries. Raises DirectoryError."""
    if directory.groups_by == "memberOf":
        return {entry.uid: entry.words for entry in entries}

    def read(url: str) -> dict[str, frozenset[str]]:
        with _service(directory, url) as connection:
            return {entry.uid: _groups_of(directory, connection, entry.dn) for entry in entries}

    return _anywhere(directory, read)


def try_servers(directory: LdapDirectory) -> Iterator[tuple[str, str]]:
    """Each server with what is wrong with it, or "" """
    for url in directory.urls:
        try:
            with _service(directory, url):
                yield url, ""
        except (LDAPException, OSError) as error:
            yield url, _said(error)


def _anywhere(directory: LdapDirectory, ask: Callable[[str], T]) -> T:
    """The first server that answers. What it answers counts, a refusal too: the others have the same people."""
    last: Exception | None = None
    for url in directory.urls:
        try:
            return ask(url)
        except LDAPOperationResult as error:
            log.warning("the directory %s refused at %s: %s", directory.id, url, _said(error))
            raise DirectoryError(f"{directory.name} refused what Parley asked: {_said(error)}.") from error
        except (LDAPException, OSError) as error:  # TLS's errors are of the second kind
            log.warning("the directory %s does not answer at %s: %s", directory.id, url, _said(error))
            last = error
    raise DirectoryError(f"{directory.name} does not answer. Try again in a moment.") from last


def _said(error: Exception) -> str:
    """The error in a few words; never the password, which ldap3 does not put into them."""
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def _connected(directory: LdapDirectory, url: str, dn: str, password: str) -> Iterator[Connection]:
    """Bound as ``dn``, or as nobody where that is empty."""
    parts = urlsplit(url)
    seconds = directory.timeout_seconds
    is_tls = parts.scheme == "ldaps"
    tls = _CheckedTls(validate=ssl.CERT_REQUIRED, ca_certs_file=directory.ca_file or None)
    server = Server(
        parts.hostname,
        port=parts.port or (636 if is_tls else 389),
        use_ssl=is_tls,
        tls=tls if is_tls or directory.start_tls else None,
        get_info=NONE,
        connect_timeout=seconds,
    )
    connection = Connection(
        server,
        user=dn or None,
        password=password if dn else None,
        authentication=SIMPLE if dn else None,
        auto_bind=AUTO_BIND_TLS_BEFORE_BIND if directory.start_tls and not is_tls else AUTO_BIND_NO_TLS,
        client_strategy=SYNC,
        raise_exceptions=True,
        receive_timeout=seconds,
        auto_referrals=False,
        read_only=True,
        check_names=False,
    )
    try:
        yield connection
    finally:
        connection.unbind()


@contextmanager
def _service(directory: LdapDirectory, url: str) -> Iterator[Connection]:
    """As the account that Parley searches with."""
    with _connected(directory, url, directory.bind_dn, directory.password()) as connection:
        yield connection


def _find(directory: LdapDirectory, url: str, address: str) -> Entry | None:
    asked = f"(&{directory.people}({directory.email_attribute}={escape_filter_chars(address)}))"
    with _service(directory, url) as connection:
        rows = _rows(connection, directory.base, asked, _attributes(directory), most=2)
        if len(rows) != 1:
            if rows:
                log.warning("the directory %s has more than one entry of the same address", directory.id)
            return None
        dn = rows[0]["dn"]
        by_search = directory.groups_by != "memberOf"
        words = _groups_of(directory, connection, dn) if by_search else _member_of(rows[0])
        return _entry(directory, rows[0], words)


def _rows(connection: Connection, base: str, asked: str, attributes: list[str], *, most: int) -> list[Any]:
    """``most`` is not told to the server: one that has more would answer with an error instead of the first ones."""
    connection.search(base, asked, SUBTREE, attributes=attributes)
    found = [row for row in connection.response or [] if row.get("type") == "searchResEntry"]
    return found[:most]


def _attributes(directory: LdapDirectory) -> list[str]:
    named = [directory.id_attribute, directory.email_attribute, directory.name_attribute, "cn"]
    return list(dict.fromkeys([*named, *(["memberOf"] if directory.groups_by == "memberOf" else [])]))


def _entry(directory: LdapDirectory, row: Any, words: frozenset[str]) -> Entry:
    uid = _uid(directory.id_attribute, _raw(row, directory.id_attribute))
    if not uid:
        raise DirectoryError(
            f"{directory.name} does not tell {directory.id_attribute} of {row['dn']}. Name another id_attribute, or "
            "let the account that Parley searches with read it."
        )
    email = _text(_raw(row, directory.email_attribute))
    name = _text(_raw(row, directory.name_attribute)) or _text(_raw(row, "cn"))
    return Entry(dn=row["dn"], uid=uid, email=email, name=name[:120], words=words)


def _raw(row: Any, name: str) -> list[bytes]:
    """The values as they came, whatever the case of the attribute's name."""
    found = {key.lower(): values for key, values in row["raw_attributes"].items()}
    return list(found.get(name.lower(), []))


def _text(values: list[bytes]) -> str:
    return values[0].decode(errors="replace").replace("\0", "").strip() if values else ""


def _uid(attribute: str, values: list[bytes]) -> str:
    """Active Directory's objectGUID is 16 bytes, in its own order."""
    if values and attribute.lower() == "objectguid" and len(values[0]) == 16:
        return str(UUID(bytes_le=values[0]))
    return _text(values)[:191]


def _member_of(row: Any) -> frozenset[str]:
    return _named(value.decode(errors="replace") for value in _raw(row, "memberOf"))


def _groups_of(directory: LdapDirectory, connection: Connection, dn: str) -> frozenset[str]:
    rule = f":{NESTED}:" if directory.groups_by == "nested" else ""
    asked = f"({directory.member_attribute}{rule}={escape_filter_chars(dn)})"
    rows = _rows(connection, directory.group_base, asked, [directory.group_name_attribute], most=2000)
    names = {_text(_raw(row, directory.group_name_attribute)).lower() for row in rows}
    return _named(row["dn"] for row in rows) | (names - {""})


def _named(dns: Iterator[str] | Any) -> frozenset[str]:
    """Each DN, and the name that it begins with."""
    words: set[str] = set()
    for dn in dns:
        words.add(dn.lower())
        try:
            words.add(str(parse_dn(dn)[0][1]).lower())
        except (LDAPInvalidDnError, IndexError):
            continue
    return frozenset(words)
