"""The dialect of regular expressions that a policy may use, and its translation for the matcher.

A rule's pattern runs on every answer while it streams, so it must stay cheap and must mean the same for a text cut
anywhere. Literals, classes, groups, alternatives and repetition are in; look-around, back-references and anchors are
out, and so is repeating what itself varies ((a+)+), which takes exponential time. What is still too slow is stopped by
a time limit when it runs, and the policy says what happens then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import regex

from moderation.errors import PolicyError
from moderation.screening.normalising import normal_form

MAX_CHARACTERS = 300
MAX_OPEN_REPEATS = 4
MATCH_SECONDS = 0.05

_TOKEN = re.compile(
    r"""(?P<escape>\\[dDsSwWbtn]|\\[^\w\s])
    |(?P<set>\[\^?(?:\\[dDsSwWtn]|\\[^\w\s]|[^\[\]\\])+\])
    |(?P<open>\((?:\?:|(?!\?)))
    |(?P<close>\))
    |(?P<or>\|)
    |(?P<repeat>(?:[*+?]|\{(?P<least>\d{1,3})(?P<comma>,(?P<most>\d{0,3}))?\})\??)
    |(?P<character>[^\\\[\](){}|*+?^$])""",
    re.VERBOSE | re.DOTALL,
)


@dataclass
class _Part:
    """What was read of a group: whether its length varies, and whether something stands that could be repeated."""

    varies: bool = False
    has_choice: bool = False
    last: _Part | None = None


def compile_pattern(pattern: str) -> regex.Pattern[str]:
    """The matcher of a policy's pattern, for normalised text, ignoring case.

    Raises PolicyError when it is too long, not of the dialect, able to match nothing at all, or costly.
    """
    if not pattern or len(pattern) > MAX_CHARACTERS:
        raise PolicyError(f"A pattern has 1 to {MAX_CHARACTERS} characters; this one has {len(pattern)}.")
    try:
        compiled = regex.compile(_translate(pattern), regex.IGNORECASE)
    except regex.error as error:
        raise PolicyError(f"The pattern {pattern!r} cannot be read: {error}.") from error
    if compiled.match(""):
        raise PolicyError(f"The pattern {pattern!r} matches an empty text, so it would match everything.")
    return compiled


def _translate(pattern: str) -> str:
    groups = [_Part()]
    out: list[str] = []
    at = open_repeats = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise PolicyError(f"The pattern {pattern!r} has something that is not allowed at {pattern[at : at + 8]!r}.")
        kind, text, at = str(token.lastgroup), token[0], token.end()
        if kind == "repeat":
            open_repeats += _repeat(pattern, token, groups[-1])
        else:
            text = _read(pattern, kind, text, groups)
        out.append(text)
    if len(groups) > 1:
        raise PolicyError(f"The pattern {pattern!r} has a group that is not closed.")
    if open_repeats > MAX_OPEN_REPEATS:
        raise PolicyError(f"The pattern {pattern!r} repeats without limit more than {MAX_OPEN_REPEATS} times.")
    return "".join(out)


def _read(pattern: str, kind: str, text: str, groups: list[_Part]) -> str:
    """Take in a token that is not a repetition; return it for the matcher."""
    here = groups[-1]
    if kind == "open":
        groups.append(_Part())
        return "(?:"
    if kind == "close":
        if len(groups) == 1:
            raise PolicyError(f"The pattern {pattern!r} closes a group that was never opened.")
        closed = groups.pop()
        groups[-1].varies |= closed.varies or closed.has_choice
        groups[-1].last = closed
    elif kind == "or":
        here.has_choice, here.last = True, None
    elif text == r"\b":
        here.last = None
    else:
        here.last = _Part()
    if kind == "character":
        normal = normal_form(text)
        return regex.escape(normal) if len(normal) == 1 and text != "." else text if text == "." else f"(?:{normal})"
    if kind == "set":
        return "".join(normal if len(normal := normal_form(character)) == 1 else character for character in text)
    return text


def _repeat(pattern: str, token: re.Match[str], here: _Part) -> int:
    """Take in a repetition; 1 when it has no upper limit."""
    text = token[0]
    if here.last is None:
        raise PolicyError(f"The pattern {pattern!r} repeats nothing at {text!r}.")
    most = _most(token)
    if most != 1 and (here.last.varies or here.last.has_choice):
        raise PolicyError(
            f"The pattern {pattern!r} repeats a group whose inside varies, which can take for ever. Write it out."
        )
    here.varies |= not (token["least"] and not token["comma"])
    here.last = None
    return int(most is None)


def _most(token: re.Match[str]) -> int | None:
    if token["least"]:
        most = token["most"] if token["comma"] else token["least"]
        return int(most) if most else None
    return 1 if token[0].startswith("?") else None
