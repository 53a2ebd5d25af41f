"""Every part's licence is one that a free product under Apache-2.0 may be given away with, or has its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deploy.supply.parts import Part, parts, scripts, told

# What people get with Parley, and what only those who build it have.
SHIPPED, BUILT_WITH = "embedded", "dev"


def check() -> list[str]:
    """What is wrong, one sentence each."""
    return list(_problems())


def _problems() -> Iterator[str]:
    exceptions: dict[str, dict[str, str]] = told()["exception"]
    shipped = {part.name for part in parts(SHIPPED)}
    every = [*parts(BUILT_WITH)]
    every += [Part(f"{each.name} (in {each.inside})", each.version, each.licence) for each in scripts()]
    for part in every:
        excepted = exceptions.get(part.name)
        if not part.licence:
            yield f"{part.name} {part.version} does not say its licence: read it, and write it into [read]."
        elif excepted is not None:
            if excepted["licence"] != part.licence:
                yield f"{part.name} is now under {part.licence}; the exception is for {excepted['licence']}."
            elif part.name in shipped and excepted.get("only") == "building":
                yield f"{part.name} may be built with and not given away, and it is in {SHIPPED}.txt."
        elif not is_allowed(part.licence):
            yield f"{part.name} {part.version} is under {part.licence}, which is not on the list."
    for name in exceptions.keys() - {part.name for part in every}:
        yield f"{name} has an exception and is no part any more."


def is_allowed(expression: str) -> bool:
    """Whether the SPDX expression can be met by licences of the list alone."""
    allowed = set(told()["allowed"])
    words = re.findall(r"\(|\)|[^\s()]+", expression)
    return _value([word.lower() if word in ("(", ")", "AND", "OR") else str(word in allowed) for word in words])


def _value(words: list[str]) -> bool:
    """OR binds less than AND; brackets first."""
    while "(" in words:
        close = words.index(")")
        open_ = max(index for index in range(close) if words[index] == "(")
        words = [*words[:open_], str(_value(words[open_ + 1 : close])), *words[close + 1 :]]
    if "or" in words:
        at = words.index("or")
        return _value(words[:at]) or _value(words[at + 1 :])
    return all(word == "True" for word in words if word != "and")
