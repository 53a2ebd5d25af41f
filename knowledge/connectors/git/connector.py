"""Git repositories as a source.

A file's blob id is the sign of its state, so a file that did not change is never read again; and when the branch still
points to the commit of the last time, nothing is fetched at all: the list of its files was kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

from django.core.cache import cache
from django.utils.translation import gettext_noop as _
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import Connector, Item, ItemError, LeftOut, Patterns
from knowledge.extraction.formats import format_of
from knowledge.extraction.types import ExtractionError
from knowledge.fetching.asking import origin_of, parse
from knowledge.fetching.errors import FetchError
from knowledge.fetching.reach import Reach

if TYPE_CHECKING:  # dulwich is big, and only this kind of source needs it
    from knowledge.connectors.git.fetched import Entry, Fetched
    from knowledge.connectors.git.remote import Head, Remote

LONGEST = 500
_KEPT_SECONDS = 90 * 86400
_LARGEST_KEPT = 5_000_000
_NOT_FILES = {
    "link": "It is a link, not a file.",
    "module": "It is another repository (a submodule). Make it a source of its own.",
    "lfs": "Its content is kept in Git LFS, which Parley does not ask.",
}


def _address(address: str) -> str:
    address = address.strip().rstrip("/")
    if "://" not in address or not address.startswith(("https://", "http://")):
        raise ValueError(
            "give the https:// address of the repository, such as https://git.example.org/team/handbook.git"
        )
    try:
        parsed = parse(address)
    except FetchError as error:
        raise ValueError(error.reason) from error
    if parsed.query or parsed.fragment:
        raise ValueError("the address of a repository has no ? and no #")
    return address


def _subfolder(path: str) -> str:
    parts = [part for part in path.strip().split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError("a subfolder lies inside the repository")
    return "/".join(parts)


class GitSettings(BaseModel):
    """Which repository, and what of it."""

    model_config = ConfigDict(extra="forbid")

    address: Annotated[str, AfterValidator(_address)] = Field(
        title=_("Address"), description=_("The https:// address that one clones from.")
    )
    branch: str = Field(
        "",
        max_length=200,
        title=_("Branch or tag"),
        description=_("Left empty: the branch that the repository prefers."),
    )
    subfolder: Annotated[str, AfterValidator(_subfolder)] = Field(
        "",
        title=_("Subfolder"),
        description=_("Take only what lies in this folder of the repository, such as docs/handbook."),
    )


class GitConnector(Connector):
    """The files of one branch as they are now."""

    kind = "git"
    label = _("Git repository")
    summary = _("The files of a branch of a Git repository, such as documentation kept on GitHub or GitLab.")
    settings_schema = GitSettings
    credential_label = _("Access token")
    harmless_settings = frozenset({"branch", "subfolder"})
    is_listed_first = True

    config: GitSettings

    def __init__(self, config: Mapping[str, Any], credential: str | None, patterns: Patterns) -> None:
        super().__init__(config, credential, patterns)
        self._opened: Remote | None = None
        self._head: Head | None = None
        self._fetched: Fetched | None = None
        self._wanted: set[str] = set()

    @classmethod
    def check(cls, actor: User, config: BaseModel) -> None:
        assert isinstance(config, GitSettings)
        _, host, port = origin_of(parse(config.address))
        try:
            Reach.from_settings().check_written(host, port)
        except FetchError as error:
            raise BadInputError(error.reason) from error

    def items(self, known: Mapping[str, str]) -> Iterator[Item | LeftOut]:
        head = self._head = self._remote.head(self.config.branch)
        found = [self._seen(entry, head) for entry in self._listing(head)]
        wanted = [entry for entry in found if self.patterns.admits(entry.key)]
        self._wanted = {e.fingerprint for e in wanted if isinstance(e, Item) and known.get(e.key) != e.fingerprint}
        yield from wanted

    def read(self, item: Item) -> Iterator[bytes]:
        if not item.fingerprint:
            raise ItemError("The repository does not say what this file is.")
        fetched = self._fetch(self._head or self._remote.head(self.config.branch))
        if self._wanted:
            fetched.unpack(self._wanted)
            self._wanted = set()
        return fetched.read(item.fingerprint)

    def try_out(self) -> str:
        head = self._remote.head(self.config.branch)
        return f"It works: {head.branch} is at {head.commit[:10]}."

    def close(self) -> None:
        if self._fetched:
            self._fetched.close()
            self._fetched = None
        if self._opened:
            self._opened.close()
            self._opened = None

    @property
    def _remote(self) -> Remote:
        if self._opened is None:
            from knowledge.connectors.git.remote import Remote

            self._opened = Remote(self.config.address, self.credential)
        return self._opened

    def _fetch(self, head: Head) -> Fetched:
        if self._fetched is None:
            from knowledge.connectors.git.fetched import Fetched

            self._fetched = Fetched(self._remote, head.commit)
        return self._fetched

    def _listing(self, head: Head) -> list[Entry]:
        """The files of a commit: kept from the last time, for a commit never changes, or else fetched."""
        place = hashlib.sha256("\n".join((self.config.address, self.config.subfolder, head.commit)).encode())
        name = f"git-listing:{place.hexdigest()}"
        if kept := cache.get(name):
            return [(path, blob, kind) for path, blob, kind in json.loads(zlib.decompress(base64.b85decode(kept)))]
        listing = self._fetch(head).listing(self.config.subfolder)
        packed = zlib.compress(json.dumps(listing).encode())
        if len(packed) <= _LARGEST_KEPT:
            cache.set(name, base64.b85encode(packed).decode(), _KEPT_SECONDS)
        return listing

    def _seen(self, entry: Entry, head: Head) -> Item | LeftOut:
        path, blob, kind = entry
        key = path.encode("utf-8", "replace").decode()[:LONGEST]
        if reason := _NOT_FILES.get(kind) or _reason_against(path):
            return LeftOut(key, reason)
        in_repository = f"{self.config.subfolder}/{path}".lstrip("/")
        return Item(key, PurePosixPath(path).name, blob, page_of(self.config.address, head.branch, in_repository))


def _reason_against(path: str) -> str:
    if not path.isprintable():
        return "Its name is not printable UTF-8."
    if any(part.startswith(".") for part in path.split("/")):
        return "It is hidden."
    if len(path) > LONGEST:
        return f"Its path is longer than {LONGEST} characters."
    try:
        format_of(path)
    except ExtractionError as error:
        return error.reason
    return ""


def page_of(address: str, branch: str, path: str) -> str:
    """Where a file can be looked at in the browser, on hosts that are known to show it; else ""."""
    parts = urlsplit(address)
    host = (parts.hostname or "").lower()
    base = address.removesuffix(".git")
    place = f"{quote(branch)}/{quote(path)}"
    if "gitlab" in host:
        return f"{base}/-/blob/{place}"
    if "github" in host:
        return f"{base}/blob/{place}"
    if host == "codeberg.org" or "gitea" in host or "forgejo" in host:
        return f"{base}/src/branch/{place}"
    return f"{base}/src/{place}" if host == "bitbucket.org" else ""
