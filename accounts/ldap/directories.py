"""The organisation's directories that speak LDAP, as LDAP_DIRECTORIES lists them.

Read once at the start, which refuses what it does not understand, and what would send passwords over a network in plain
words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from accounts.models import Role
from accounts.signing_in.providers import SignInProvider
from app.errors import BadInputError

GROUPS_BY = ("memberOf", "search", "nested")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class LdapDirectory:
    """One of them. ``urls`` are tried in their order; ``people`` is the filter of who may sign in and is kept.

    ``groups_by`` says how somebody's groups are found: in their own ``memberOf``, by a search below ``group_base`` for
    groups that name them, or by the same with Active Directory's rule for groups in groups. A group is known by its
    DN and by its name; ``groups`` and ``roles`` say what it gives here.
    """

    id: str
    name: str
    urls: list[str]
    base: str
    start_tls: bool = False
    allow_plain: bool = False
    ca_file: str = ""
    bind_dn: str = ""
    bind_password: str = ""
    bind_password_file: str = ""
    people: str = "(objectClass=person)"
    id_attribute: str = "entryUUID"
    email_attribute: str = "mail"
    name_attribute: str = "displayName"
    groups_by: str = "memberOf"
    group_base: str = ""
    member_attribute: str = "member"
    group_name_attribute: str = "cn"
    groups: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    domains: list[str] = field(default_factory=list)
    creates_accounts: bool = False
    syncs: bool = True
    timeout_seconds: int = 5

    @property
    def link(self) -> str:
        """What accounts are linked under."""
        return f"ldap:{self.id}"

    @property
    def actor(self) -> str:
        """How the audit log names it, and who it is in ``DirectoryPerson.suspended_by``."""
        return f"provider:{self.link}"

    @property
    def as_provider(self) -> SignInProvider:
        """For what is decided about everybody who comes from elsewhere: its addresses are the organisation's own."""
        return SignInProvider(
            id=self.link,
            kind="ldap",
            name=self.name,
            groups=lowered(self.groups),
            roles=lowered(self.roles),
            addresses_are_verified=True,
            creates_accounts=self.creates_accounts,
            domains=self.domains,
        )

    def speaks_for(self, address: str) -> bool:
        return not self.domains or address.rpartition("@")[2].lower() in self.domains

    def password(self) -> str:
        """Of the account that Parley searches with."""
        if not self.bind_password_file:
            return self.bind_password
        return Path(self.bind_password_file).read_text().strip()


def lowered(mapped: dict[str, str]) -> dict[str, str]:
    """DNs and names are the same in whatever case."""
    return {word.lower(): here for word, here in mapped.items()}


def directories() -> list[LdapDirectory]:
    """All of them, in the order they are asked. Raises BadInputError for a description that cannot be used."""
    found = [_read(one) for one in settings.LDAP_DIRECTORIES]
    if len({one.id for one in found}) < len(found):
        raise BadInputError("LDAP_DIRECTORIES has two directories of the same id.")
    return found


def find_directory(directory_id: str) -> LdapDirectory | None:
    return next((one for one in directories() if one.id == directory_id), None)


def _read(described: dict[str, Any]) -> LdapDirectory:
    name = f"The directory {described.get('id', '?')} of LDAP_DIRECTORIES"
    known = {one.name: one for one in fields(LdapDirectory)}
    if unknown := sorted(set(described) - set(known)):
        raise BadInputError(f"{name} has {', '.join(unknown)}, which is not known. Known are: {', '.join(known)}.")
    if missing := [word for word in ("id", "name", "urls", "base") if not described.get(word)]:
        raise BadInputError(f"{name} lacks: {', '.join(missing)}.")
    _check_kinds(name, described)
    found = LdapDirectory(**described)
    if not found.id.replace("-", "").isalnum() or len(found.id) > 30:
        raise BadInputError(f"{name}: an id has at most 30 letters, digits and hyphens.")
    for url in found.urls:
        _check_url(name, found, url)
    if found.groups_by not in GROUPS_BY:
        raise BadInputError(f"{name} has groups_by {found.groups_by}; there are {', '.join(GROUPS_BY)}.")
    if found.groups_by != "memberOf" and not found.group_base:
        raise BadInputError(f"{name} searches for groups and needs a group_base to search below.")
    if not (found.people.startswith("(") and found.people.endswith(")")):
        raise BadInputError(f"{name}: people is a filter in parentheses, such as (objectClass=person).")
    if bad := sorted(set(found.roles.values()) - set(Role.values)):
        raise BadInputError(f"{name} gives the role {', '.join(bad)}; there are {', '.join(Role.values)}.")
    for file in (found.ca_file, found.bind_password_file):
        if file and not Path(file).is_file():
            raise BadInputError(f"{name} names the file {file}, which is not there.")
    if not 1 <= found.timeout_seconds <= 30:
        raise BadInputError(f"{name}: timeout_seconds is 1 to 30.")
    return found


def _check_kinds(name: str, described: dict[str, Any]) -> None:
    takes: dict[str, tuple[type, ...]] = {
        **dict.fromkeys(("urls", "domains"), (list,)),
        **dict.fromkeys(("groups", "roles"), (dict,)),
        **dict.fromkeys(("start_tls", "allow_plain", "creates_accounts", "syncs"), (bool,)),
        "timeout_seconds": (int,),
    }
    for word, value in described.items():
        if not isinstance(value, takes.get(word, (str,))):
            raise BadInputError(f"{name}: {word} is of another kind, see docs/directory.md.")


def _check_url(name: str, found: LdapDirectory, url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise BadInputError(f"{name}: {url} is no address.") from error
    if parts.scheme not in ("ldap", "ldaps") or not host:
        raise BadInputError(f"{name}: {url} is no address such as ldaps://directory.example.org.")
    is_plain = parts.scheme == "ldap" and not found.start_tls
    if is_plain and host not in _LOOPBACK and not found.allow_plain:
        raise BadInputError(
            f"{name}: {url} would carry passwords in plain words. Use ldaps://, or start_tls; allow_plain where the "
            "network itself is encrypted."
        )
