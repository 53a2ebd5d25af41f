"""``python -m deploy.supply licences | sbom FILE | audit [ANSWER]``: see docs/security.md, "What Parley is made of"."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.supply import audit, licences, sbom
from deploy.supply.parts import SupplyError, scripts


def main(command: str, *rest: str) -> int:
    try:
        problems = _run(command, *rest)
    except SupplyError as error:
        problems = [str(error)]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


def _run(command: str, *rest: str) -> list[str]:
    if command == "licences":
        return licences.check()
    if command == "sbom":
        count = sbom.write(Path(rest[0]))
        sys.stdout.write(f"{count} components in {rest[0]}\n")
        return []
    if command == "audit":
        problems = audit.check(licences.BUILT_WITH, Path(rest[0]) if rest else None)
        inside = ", ".join(f"{each.name} {each.version}" for each in scripts())
        sys.stdout.write(f"Scripts inside of parts, which are asked for with their parts alone: {inside}.\n")
        return problems
    raise SupplyError(f"There is no {command}; there are licences, sbom FILE and audit [ANSWER].")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
