"""``python -m deploy.standard [--check]``: docs/asvs.md from docs/asvs.toml.

Made, so that its sums are right and the files it names exist.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parents[1]
DATA, PAGE = ROOT / "docs" / "asvs.toml", ROOT / "docs" / "asvs.md"
# How many requirements of each level the standard's edition 5.0.0 has: the list is whole, or it is refused.
WHOLE = {1: 70, 2: 183}
STATES = {"met": "met", "none": "does not apply", "open": "open"}
CHAPTERS = [
    "Encoding and sanitisation",
    "Validation and business logic",
    "Web frontend",
    "Interfaces and web services",
    "Files",
    "Authentication",
    "Sessions",
    "Authorisation",
    "Self-contained tokens",
    "OAuth and OIDC",
    "Cryptography",
    "Secure communication",
    "Configuration",
    "Data protection",
    "Secure coding and architecture",
    "Logging and errors",
    "WebRTC",
]
_FILE = re.compile(r"(?<![\w/.])[\w-]+(?:/[\w.-]+)+(?:\.(?:py|md|toml|yaml|html)|/)(?![\w.])")

INTRODUCTION = """# OWASP ASVS 5.0: where Parley stands

Every requirement of level 1 and level 2 of the [Application Security Verification Standard](https://owasp.org/ASVS),
edition 5.0.0, with its number and in our words; the standard's own words are what counts. What is met names the test or
the code that shows it. This is our own judgement, and nobody outside has verified it. It is made from `docs/asvs.toml`
by `python -m deploy.standard`.
"""


class Requirement(TypedDict):
    id: str
    level: int
    asks: str
    state: str
    by: str


def read() -> list[Requirement]:
    made: list[Requirement] = tomllib.loads(DATA.read_text())["requirements"]
    return made


def problems(requirements: list[Requirement]) -> list[str]:
    """What is wrong with the list, one sentence each."""
    found = [
        f"{name} is there {count} times." for name, count in Counter(r["id"] for r in requirements).items() if count > 1
    ]
    levels = Counter(each["level"] for each in requirements)
    found += [
        f"Of level {level} there are {levels[level]}, not {count}."
        for level, count in WHOLE.items()
        if levels[level] != count
    ]
    for each in requirements:
        if each["state"] not in STATES or not each["by"].strip():
            found.append(f"{each['id']} does not say how Parley stands to it.")
        found += [
            f"{each['id']} names {file}, which is not there."
            for file in _FILE.findall(each["by"])
            if not (ROOT / file).exists()
        ]
    return found


def page(requirements: list[Requirement]) -> str:
    lines = [INTRODUCTION, "| | met | does not apply | open | of |", "|---|---|---|---|---|"]
    for level in WHOLE:
        of = [each for each in requirements if each["level"] == level]
        sums = Counter(each["state"] for each in of)
        lines.append(f"| level {level} | {sums['met']} | {sums['none']} | {sums['open']} | {len(of)} |")
    for number, chapter in enumerate(CHAPTERS, 1):
        lines += ["", f"## V{number} {chapter}", "| | level | asks | | by what, or why |", "|---|---|---|---|---|"]
        for each in requirements:
            if each["id"].split(".")[0] == str(number):
                state = STATES[each["state"]]
                lines.append(f"| {each['id']} | {each['level']} | {each['asks']} | {state} | {each['by']} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    requirements = read()
    found = problems(requirements)
    made = page(requirements)
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != made:
            found.append("docs/asvs.md is not what docs/asvs.toml says; run python -m deploy.standard.")
    else:
        PAGE.write_text(made)
    sys.stderr.write("".join(f"{problem}\n" for problem in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
