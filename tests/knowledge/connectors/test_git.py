"""Taking the files of a Git repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from pydantic import ValidationError

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import Item, ItemError, LeftOut, Patterns, SourceUnreachableError
from knowledge.connectors.git import fetched
from knowledge.connectors.git.connector import GitConnector, GitSettings, page_of
from tests.knowledge.connectors.repositories import Repository, serving
from tests.knowledge.connectors.sites import Page, Site

FILES = {"README.md": b"# Handbook", "docs/leave.md": b"27 days", "docs/pay/pay.txt": b"monthly"}


@pytest.fixture
def repository(tmp_path: Path, settings: Any) -> Iterator[Repository]:
    with serving(Repository(tmp_path / "handbook.git")) as started:
        settings.SOURCE_HOSTS = [started.host]
        started.commit(dict(FILES))
        cache.clear()
        yield started


class Run:
    """One listing, and the connector that made it."""

    def __init__(
        self,
        repository: Repository,
        known: Mapping[str, str] | None = None,
        patterns: Patterns | None = None,
        credential: str | None = None,
        **config: Any,
    ) -> None:
        self.connector = GitConnector({"address": repository.address} | config, credential, patterns or Patterns())
        found = list(self.connector.items(known or {}))
        self.items = {entry.key: entry for entry in found if isinstance(entry, Item)}
        self.left_out = {entry.key: entry.reason for entry in found if isinstance(entry, LeftOut)}

    def known(self) -> dict[str, str]:
        return {item.key: item.fingerprint for item in self.items.values()}

    def read(self, key: str) -> bytes:
        return b"".join(self.connector.read(self.items[key]))


def test_the_files_of_the_branch_are_listed_and_read(repository: Repository) -> None:
    run = Run(repository)
    assert {key: run.read(key) for key in run.items} == FILES
    assert list(run.items) == sorted(FILES)
    assert run.connector.is_complete
    run.connector.close()


def test_a_file_that_stayed_has_the_same_sign(repository: Repository) -> None:
    first = Run(repository)
    repository.commit(FILES | {"docs/leave.md": b"28 days", "moved.md": FILES["README.md"]})
    second = Run(repository, first.known())
    changed = {key for key in second.items if second.known()[key] != first.known().get(key)}
    assert changed == {"docs/leave.md", "moved.md"}
    assert second.items["moved.md"].fingerprint == first.items["README.md"].fingerprint
    assert second.read("docs/leave.md") == b"28 days"
    assert second.read("README.md") == b"# Handbook"


def test_nothing_is_fetched_while_the_branch_stays(repository: Repository) -> None:
    first = Run(repository)
    repository.asked.clear()
    second = Run(repository, first.known())
    assert second.known() == first.known()
    assert [method for method, _ in repository.asked] == ["GET"]
    assert second.read("README.md") == b"# Handbook"


def test_history_is_not_fetched(repository: Repository) -> None:
    repository.commit({"old.md": bytes(range(256)) * 4000})
    repository.commit({"README.md": b"small"})
    run = Run(repository)
    assert run.read("README.md") == b"small"
    assert run.connector._fetched is not None
    assert run.connector._fetched._path("fetched.pack").stat().st_size < 2000


def test_a_branch_a_tag_and_a_subfolder_can_be_chosen(repository: Repository) -> None:
    commit = repository.commit({"docs/draft.md": b"draft"}, branch="next/one")
    repository.repo.refs[b"refs/tags/v1"] = commit.encode()
    assert list(Run(repository, branch="next/one").items) == ["docs/draft.md"]
    assert list(Run(repository, branch="v1", subfolder="/docs/").items) == ["draft.md"]
    assert list(Run(repository, subfolder="docs").items) == ["leave.md", "pay/pay.txt"]
    for config, reason in (({"branch": "none"}, "no branch"), ({"subfolder": "none"}, "no such subfolder")):
        with pytest.raises(SourceUnreachableError, match=reason):
            Run(repository, **config)


def test_what_is_no_file_is_left_out_with_its_reason(repository: Repository) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1\n"
    repository.commit(
        {
            "link.md": (0o120000, b"/etc/passwd"),
            "library": (0o160000, b"1" * 40),
            "big.pdf": pointer,
            "about.txt": b"x" * 3000,
            ".gitattributes": b"*.pdf filter=lfs diff=lfs",
            ".github/notes.md": b"x",
            "code.py": b"x",
            "bad\udcff.md": b"x",
            "long/" + "x" * 600 + ".md": b"x",
        }
    )
    run = Run(repository)
    assert list(run.items) == ["about.txt"]
    reasons = " ".join(run.left_out.values())
    for words in ("a link", "submodule", "Git LFS", "hidden", "cannot read .py", "printable", "longer than 500"):
        assert words in reasons


def test_patterns_choose_among_paths(repository: Repository) -> None:
    assert list(Run(repository, patterns=Patterns(include=["docs/"], exclude=["*.txt"])).items) == ["docs/leave.md"]


def test_a_token_opens_what_is_closed(repository: Repository) -> None:
    repository.token = "secret"
    assert Run(repository, credential="secret").read("README.md") == b"# Handbook"
    with pytest.raises(SourceUnreachableError, match="needs an access token"):
        Run(repository)
    with pytest.raises(SourceUnreachableError, match="refuses the access token"):
        Run(repository, credential="wrong")


def test_a_token_is_not_sent_in_the_clear(repository: Repository, settings: Any) -> None:
    settings.SOURCE_HOSTS = ["127.0.0.0/8"]
    connector = GitConnector({"address": "http://127.0.0.1:8080/x.git"}, "secret", Patterns())
    with pytest.raises(SourceUnreachableError, match="https"):
        list(connector.items({}))


def test_a_token_does_not_follow_a_redirect(repository: Repository, second: Site) -> None:
    second.pages["/x/info/refs?service=git-upload-pack"] = Page(
        status=301, headers={"Location": f"{repository.address}/info/refs?service=git-upload-pack"}
    )
    repository.token = "secret"
    connector = GitConnector({"address": f"{second.url}/x"}, "secret", Patterns())
    with pytest.raises(SourceUnreachableError):
        list(connector.items({}))
    repository.token = ""
    moved = GitConnector({"address": f"{second.url}/x"}, None, Patterns())
    assert len(list(moved.items({}))) == 3


@pytest.fixture
def second(site: Site, repository: Repository, settings: Any) -> Site:
    settings.SOURCE_HOSTS = [repository.host, site.host]
    return site


def test_inner_hosts_are_not_asked(repository: Repository, settings: Any, site: Site) -> None:
    settings.SOURCE_HOSTS = [site.host]
    connector = GitConnector({"address": repository.address}, None, Patterns())
    with pytest.raises(SourceUnreachableError, match="SOURCE_HOSTS"):
        list(connector.items({}))
    site.redirect("/x/info/refs?service=git-upload-pack", f"{repository.address}/info/refs?service=git-upload-pack")
    with pytest.raises(SourceUnreachableError, match="SOURCE_HOSTS"):
        list(GitConnector({"address": f"{site.url}/x"}, None, Patterns()).items({}))
    assert repository.asked == []


ADVERTISED = {"Content-Type": "application/x-git-upload-pack-advertisement"}


@pytest.mark.parametrize(
    "page",
    [
        Page(b"<html>not git</html>", headers={"Content-Type": "text/html"}),
        Page(b"", headers={"Content-Type": "text/plain"}),
        Page(b"", headers=ADVERTISED),
        Page(b"ffff", headers=ADVERTISED),
        Page(b"000eversion 2\n0000", headers=ADVERTISED),
        Page(b"001e# service=git-upload-pack\n0000" + b"0" * 70000, headers=ADVERTISED),
        Page(bytes(range(256)) * 1000, headers=ADVERTISED),
        Page(status=404),
        Page(status=500),
    ],
)
def test_servers_of_another_kind_end_in_a_reason(second: Site, page: Page) -> None:
    second.pages["/x/info/refs?service=git-upload-pack"] = page
    with pytest.raises(SourceUnreachableError) as caught:
        list(GitConnector({"address": f"{second.url}/x"}, None, Patterns()).items({}))
    assert caught.value.message.endswith(".")


def test_a_repository_of_zeros_ends_in_a_reason(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "_MEMORY", 250_000_000)
    repository.commit({"zeros.txt": bytes(200_000_000)})
    with pytest.raises(SourceUnreachableError, match="memory"):
        Run(repository)
    repository.commit({"small.txt": b"x"})
    assert list(Run(repository).items) == ["small.txt"]


def test_a_tree_that_holds_itself_many_times_ends_in_a_reason(repository: Repository) -> None:
    from dulwich.objects import Tree

    store = repository.repo.object_store
    below = repository._tree({"a.md": b"x"})
    for _ in range(10):
        tree = Tree()
        for number in range(10):
            tree.add(b"%d" % number, 0o040000, below.id)
        store.add_object(tree)
        below = tree
    commit = repository.repo[repository.commit({"a.md": b"x"}).encode()]
    commit.tree = below.id
    store.add_object(commit)
    repository.repo.refs[b"refs/heads/main"] = commit.id
    with pytest.raises(SourceUnreachableError, match="200,000 files"):
        Run(repository)


def test_a_file_too_large_fails_alone(repository: Repository, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    repository.commit({"a.md": b"small", "b.md": b"x" * 2000})
    run = Run(repository)
    assert run.read("a.md") == b"small"
    with pytest.raises(ItemError, match="larger"):
        run.read("b.md")


def test_an_empty_repository_says_so(repository: Repository) -> None:
    for ref in (b"refs/heads/main", b"HEAD"):
        del repository.repo.refs[ref]
    with pytest.raises(SourceUnreachableError):
        Run(repository)


def test_trying_it_out_asks_only_where_the_branch_is(repository: Repository) -> None:
    connector = GitConnector({"address": repository.address}, None, Patterns())
    assert connector.try_out().startswith("It works: main is at ")
    assert len(repository.asked) == 1


@pytest.mark.parametrize(
    "address",
    [
        "git@github.com:team/handbook.git",
        "ssh://git@github.com/team/handbook.git",
        "git://example.org/x.git",
        "file:///srv/x.git",
        "/srv/x.git",
        "ext::sh -c id",
        "https://token@example.org/x.git",
        "https://example.org/x.git?a=b",
    ],
)
def test_other_ways_to_a_repository_are_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        GitSettings.model_validate({"address": address})


def test_a_subfolder_stays_inside() -> None:
    with pytest.raises(ValidationError):
        GitSettings.model_validate({"address": "https://example.org/x.git", "subfolder": "docs/../../x"})


@pytest.mark.django_db
def test_an_inner_address_is_refused_before_anything_is_kept(olivia: User) -> None:
    with pytest.raises(BadInputError):
        GitConnector.check(olivia, GitSettings.model_validate({"address": "https://10.0.0.1/x.git"}))
    GitConnector.check(olivia, GitSettings.model_validate({"address": "https://example.org/x.git"}))


def test_pages_of_known_hosts_are_linked() -> None:
    assert page_of("https://github.com/a/b.git", "main", "docs/a b.md") == (
        "https://github.com/a/b/blob/main/docs/a%20b.md"
    )
    assert page_of("https://gitlab.example.org/a/b", "x", "c.md") == "https://gitlab.example.org/a/b/-/blob/x/c.md"
    assert page_of("https://codeberg.org/a/b", "x", "c.md") == "https://codeberg.org/a/b/src/branch/x/c.md"
    assert page_of("https://git.example.org/a/b", "x", "c.md") == ""
