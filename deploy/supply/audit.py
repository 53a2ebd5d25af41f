"""Known holes in the parts. It asks over the network, and an answer that is not whole is no good news: when the service
cannot be reached, or says nothing of one part, the command fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.supply.parts import LOCKS, SupplyError, is_wanted_here, locked, told


def check(lock: str, answer: Path | None = None) -> list[str]:
    """One sentence for each hole, and for each part that nobody could say anything of. ``answer`` is what the service
    told another machine, which could reach it. Raises SupplyError when nobody answered at all.
    """
    here = [each for each in locked(lock) if is_wanted_here(each)]
    wanted = {each.name.lower(): str(each.specifier).removeprefix("==") for each in here}
    return list(_problems(_read(answer) if answer else _answer(lock), wanted))


def _read(answer: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads(answer.read_text())["dependencies"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SupplyError(f"{answer} is no answer of pip-audit --format json, so nothing is known: {error}.") from error


def _answer(lock: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "answer.json"
        command = [str(Path(sys.executable).with_name("pip-audit")), "--requirement", str(LOCKS / f"{lock}.txt")]
        command += ["--disable-pip", "--require-hashes", "--strict", "--progress-spinner", "off"]
        done = subprocess.run([*command, "--format", "json", "--output", str(into)], capture_output=True, text=True)
        if not into.exists() or not (text := into.read_text().strip()):
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise SupplyError(f"Nobody could be asked for known holes, so nothing is known: {last}")
    return list(json.loads(text)["dependencies"])


def _problems(answer: list[dict[str, Any]], wanted: dict[str, str]) -> Iterator[str]:
    accepted: dict[str, str] = told()["accepted_holes"]
    asked = {each["name"].lower(): each for each in answer}
    for name, version in wanted.items():
        told_of = asked.get(name)
        if told_of is None or told_of.get("skip_reason") or told_of.get("version") != version:
            reason = (told_of or {}).get("skip_reason", "it was left out")
            yield f"{name} {version} was not looked at: {reason}."
    for each in answer:
        for hole in each.get("vulns", []):
            if hole["id"] not in accepted:
                fixed = ", ".join(hole.get("fix_versions") or ["no version yet"])
                yield f"{each['name']} {each['version']} has {hole['id']}; mended in {fixed}."
