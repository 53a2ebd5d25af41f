"""Taking a pack apart, in a process of its own: ``python -m knowledge.connectors.git.unpacking``.

A pack comes from a stranger, and unpacking it can take any amount of memory (an object of zeros, a tree that holds
itself many times over). So this process may use only so much, has no network, and ends with the one that started it. It
reads one request as JSON from its input and writes what it finds into the folder named there.
"""

from __future__ import annotations

import contextlib
import json
import resource
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.object_store import iter_tree_contents
from dulwich.objects import Commit, ObjectID, Tag, Tree
from dulwich.pack import Pack, PackData

from knowledge.extraction.confinement import die_with_parent, leave_network, refuse_outside

FILE, LINK, MODULE, LFS = "file", "link", "module", "lfs"
MOST_FILES = 200_000
MOST_WRITTEN = 4_000_000_000
_LFS_HEAD = b"version https://git-lfs.github.com/spec/"
_LFS_LONGEST = 1024
_TAGS_DEEP = 10


class UnpackingError(Exception):
    """The pack does not hold what it should; the message is a sentence."""


def main() -> None:
    request: dict[str, Any] = json.load(sys.stdin)
    folder = Path(request["folder"])
    _confine(request)
    try:
        with Pack(str(_indexed(folder)), object_format=DEFAULT_OBJECT_FORMAT) as pack:
            if "commit" in request:
                found = list(_listing(pack, request["commit"], request["subfolder"]))
                (folder / "listing.json").write_text(json.dumps(found))
            _write_blobs(pack, request.get("blobs", ()), folder / "blobs", request["largest"])
    except UnpackingError as error:
        (folder / "reason").write_text(str(error))


def _confine(request: dict[str, Any]) -> None:
    die_with_parent()
    leave_network()
    for what, value in (
        (resource.RLIMIT_AS, request["memory"]),
        (resource.RLIMIT_CPU, request["seconds"]),
        (resource.RLIMIT_FSIZE, request["largest_written"]),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a stricter limit of the system stays
            resource.setrlimit(what, (value, value))
    refuse_outside()


def _indexed(folder: Path) -> Path:
    """The pack's name without its ending; its index is made when there is none yet."""
    pack, index = folder / "fetched.pack", folder / "fetched.idx"
    if not index.exists():
        with PackData(str(pack), object_format=DEFAULT_OBJECT_FORMAT) as data:
            data.create_index_v2(str(index))
    return pack.with_suffix("")


def _listing(pack: Pack, commit: str, subfolder: str) -> Iterator[tuple[str, str, str]]:
    """(path below the subfolder, blob, kind) of everything in a commit, in order."""
    tree = _tree_of(pack, commit)
    for part in filter(None, subfolder.split("/")):
        tree = _below(pack, tree, part.encode())
    entries = []
    objects: Any = pack
    for number, entry in enumerate(iter_tree_contents(objects, tree)):
        if number >= MOST_FILES:
            raise UnpackingError(f"The repository holds more than {MOST_FILES:,} files.")
        entries.append(entry)
    has_lfs = any(
        entry.path.rpartition(b"/")[2] == b".gitattributes"
        and entry.sha in pack
        and b"filter=lfs" in pack.get_raw(entry.sha)[1]
        for entry in entries
    )
    for entry in sorted(entries, key=lambda entry: entry.path):
        yield entry.path.decode("utf-8", "surrogateescape"), entry.sha.decode(), _kind(pack, entry, has_lfs)


def _kind(pack: Pack, entry: Any, has_lfs: bool) -> str:
    if stat.S_ISLNK(entry.mode):
        return LINK
    if not stat.S_ISREG(entry.mode):
        return MODULE
    if has_lfs and entry.sha in pack:
        body = pack.get_raw(entry.sha)[1]
        if len(body) <= _LFS_LONGEST and body.startswith(_LFS_HEAD):
            return LFS
    return FILE


def _tree_of(pack: Pack, commit: str) -> ObjectID:
    found: Any = pack[ObjectID(commit.encode())]
    for _ in range(_TAGS_DEEP):
        if not isinstance(found, Tag):
            break
        found = pack[found.object[1]]
    if not isinstance(found, Commit):
        raise UnpackingError("What the branch points to is not a commit.")
    return ObjectID(found.tree)


def _below(pack: Pack, tree: ObjectID, name: bytes) -> ObjectID:
    found: Any = pack[tree]
    if isinstance(found, Tree) and name in found:
        mode, child = found[name]
        if stat.S_ISDIR(mode):
            return ObjectID(child)
    raise UnpackingError("The repository has no such subfolder.")


def _write_blobs(pack: Pack, blobs: Iterable[str], folder: Path, largest: int) -> None:
    folder.mkdir(exist_ok=True)
    written = 0
    for blob in blobs:
        try:
            body = pack.get_raw(ObjectID(blob.encode()))[1]
        except KeyError:
            continue
        if len(body) > largest:
            (folder / f"{blob}.large").touch()
            continue
        written += len(body)
        if written > MOST_WRITTEN:
            raise UnpackingError(f"Its files are larger than {MOST_WRITTEN // 1_000_000_000} GB together.")
        (folder / blob).write_bytes(body)


if __name__ == "__main__":
    main()
