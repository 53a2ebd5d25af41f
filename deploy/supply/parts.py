"""The parts of Parley, from the locked requirements and from the scripts that lie inside of them.

A part is what is installed from the lock on this machine; what is locked for other systems alone is named and left out.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parent
LOCKS = HERE.parent / "requirements"


class SupplyError(Exception):
    """Said to whoever runs the command, who has to change something."""


@dataclass(frozen=True)
class Part:
    name: str
    version: str
    licence: str  # an SPDX expression; "" when nobody says


@dataclass(frozen=True)
class Script:
    """A library of somebody else's that lies inside a part, and is sent to browsers."""

    name: str
    version: str
    licence: str
    inside: str
    file: str
    marker: str


@cache
def told() -> dict[str, Any]:
    """What people decided: deploy/supply/parts.toml."""
    return tomllib.loads((HERE / "parts.toml").read_text())


def locked(lock: str) -> Iterator[Requirement]:
    """Every line of a lock."""
    for line in (LOCKS / f"{lock}.txt").read_text().splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            yield Requirement(line.split("\\")[0].strip())


def is_wanted_here(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def parts(lock: str) -> Iterator[Part]:
    """What is installed from the lock. Raises SupplyError for what is missing or of another version."""
    for requirement in locked(lock):
        if not is_wanted_here(requirement):
            continue
        wanted = str(requirement.specifier).removeprefix("==")
        try:
            found = importlib.metadata.distribution(requirement.name)
        except importlib.metadata.PackageNotFoundError as error:
            raise SupplyError(f"{requirement.name} is locked and not installed; run make dev.") from error
        if found.version != wanted:
            raise SupplyError(f"{requirement.name} is installed as {found.version} and locked as {wanted}; make dev.")
        yield Part(requirement.name, wanted, licence_of(requirement.name, found.metadata))


def licence_of(name: str, metadata: Any) -> str:
    """The licence as an SPDX expression: as somebody here read it, as the part declares it, or by its classifiers."""
    if read := told()["read"].get(name):
        return str(read["licence"])
    if expression := metadata.get("License-Expression"):
        return str(expression)
    words: dict[str, str] = told()["classifiers"]
    classes = [each.split(" :: ")[-1] for each in metadata.get_all("Classifier", []) if each.startswith("License ::")]
    named = [words[each] for each in classes if each in words]
    if named and len(named) == len([each for each in classes if each != "OSI Approved"]):
        return " OR ".join(named)
    first = next(iter((metadata.get("License") or "").strip().splitlines()), "")
    return words.get(first, first if re.fullmatch(r"[A-Za-z0-9.+-]+( (AND|OR) [A-Za-z0-9.+-]+)*", first) else "")


def scripts() -> list[Script]:
    """The scripts inside the parts. Raises SupplyError where the file is not what is written down of it."""
    found = [Script(**each) for each in told()["script"]]
    for each in found:
        path = Path(str(importlib.metadata.distribution(each.inside).locate_file(each.file)))
        if not path.exists() or each.marker not in path.read_text(errors="replace"):
            raise SupplyError(
                f"{each.inside} no longer holds {each.name} {each.version} in {each.file}: look at it, and bring "
                "deploy/supply/parts.toml up to date."
            )
    return found
