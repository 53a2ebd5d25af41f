"""A path in a file's name: on disk files have names of ours, below our folder, whatever they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from tests.architecture.access_matrix import API, PAGES, Row
from tests.architecture.test_access import World
from tests.attacks.parameters import ROOT

NAMES = [
    "../../../../tmp/q7zx.md",
    "/tmp/q7zx.md",
    "..\\..\\q7zx.md",
    "C:\\Windows\\q7zx.md",
    "file:///tmp/q7zx.md",
    "q7zx.md\0.png",
    "q7zx\n\r.md",
    "%2e%2e%2fq7zx.md",
    "q7zx.md/.",
    ".q7zx.md",
    "~/q7zx.md",
    "$(touch q7zx).md",
    "q7zx" * 200 + ".md",
    "\u202edm.q7zx.md",
    "CON.md",
    "q7zx.md:stream",
    "q7zx.md;../../q7zx.py",
    "..%c0%afq7zx.md",
]
BOUNDARY = "q7zxboundary"
UPLOADS = [row for row in PAGES + API if row.file]
OURS = re.compile(r"(chat/)?[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}")


def files() -> set[Path]:
    root = Path(settings.FILES_ROOT)
    return {path.relative_to(root) for path in root.rglob("*") if path.is_file()}


def form_of(name: str, content: str) -> bytes:
    """A form with one file, whose name is sent as it is: clients would cut off what looks like a folder."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    head = f'Content-Disposition: form-data; name="file"; filename="{quoted}"\r\nContent-Type: text/markdown'
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n".encode()


def elsewhere() -> Iterator[Path]:
    """Where a name could lead to."""
    data = Path(settings.DATA.root)
    for folder in (Path("/tmp"), data, data.parent, Path.home(), Path.cwd(), ROOT):
        yield from folder.glob("*q7zx*")


@pytest.mark.parametrize("row", UPLOADS, ids=str)
def test_a_file_lies_where_parley_says(row: Row, world: World) -> None:
    assert len(UPLOADS) >= 4
    caller = next(name for name in ("alice", "olivia") if name in row.allowed)
    is_api = row.name.startswith("/")
    client = world.client(caller, is_program=is_api)
    args = {name: value[1:] if value.startswith("=") else world.ids[value] for name, value in row.args.items()}
    address = row.name.format(**world.ids) if is_api else reverse(row.name, kwargs=args)
    before, statuses = files(), []
    for number, name in enumerate(NAMES):
        body = form_of(name, f"# New {row} {number}")
        with transaction.atomic():
            answer = client.generic("POST", address, body, content_type=f"multipart/form-data; boundary={BOUNDARY}")
            statuses.append(answer.status_code)
            transaction.set_rollback(True)
    assert all(status < 500 for status in statuses), statuses
    assert any(status < 400 for status in statuses), "nothing was taken at all"
    odd = [path for path in files() - before if not OURS.fullmatch(path.as_posix())]
    assert odd == []
    assert list(elsewhere()) == []
