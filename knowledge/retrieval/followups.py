"""A question that leans on the one before it, made to stand alone: "and for part-timers?" is searched for with the
words of what was asked before.

Without a model and the same every time. A question leans when it opens as a continuation does, when it points to
something that it does not name itself, or when it hardly says anything. It is then searched for together with the
latest earlier question that stands alone. Said too often, earlier words pull a search to the old topic, so a question
that names its own matter is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowledge.retrieval.quoting import stems

LONGEST_EARLIER = 300
NAMED = 2  # content words before a pronoun: enough to be what it points to
LONGEST_LEANING = 12  # words; who says more than that has said what it is about

_OPENING = re.compile(
    r"^(?:ok(?:ay)?|so|then|well|hm+|thanks|yes|no)?[\s,:.!-]*(?:"
    r"(?:and|but|or|also|plus|then|otherwise|instead|what about|how about|what if|even if|and if|only if|except|unless"
    r"|same for|is that|does that|do they|does (?-i:it)|is (?-i:it)|are they|can (?-i:it)|why is that|why not|how so"
    r"|how come|which ones?|who else|what else|where else|anything else|any others?)\b"
    r"|(?:with|without|for|from|in|on|at|to|by|as|after|before|during|until|since|if)\s+"
    r"(?!what|which|whom?|how)(?:\S+\s*){1,5}\?*$)",
    re.IGNORECASE,
)
_POINTING = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|those|these|he|she|him|his|her|hers|the same|such|both|either|neither"
    r"|instead|again|too|the others?|else|the former|the latter|afterwards|otherwise)\b"
    r"|\b(?:that|ones?|there)\b(?=\s*(?:[?.!,;]|$))|\b(?:is|does|was|do|about|of|for|with|after|before) that\b",
    re.IGNORECASE,
)
# Words that look like pointing and are not: "how long does it take to", "each other", and the department.
_NOT_POINTING = re.compile(
    r"\bit (?:takes?|costs?|possible|necessary|true|mean)\b(?=\s+\w)|\bIT\b|\bsuch as\b", re.NOFLAG
)
_DEFINES = re.compile(r"(?:what|who|where|when)(?:'s| is| are| was| does| do)\b", re.IGNORECASE)


def standalone(question: str, earlier: Sequence[str]) -> str:
    """What to search for: ``question``, with the latest of ``earlier`` that stands alone in front if it leans on it.

    ``earlier`` are the questions before it, oldest first. The same question again is not said twice.
    """
    if not earlier or not leans(question):
        return question
    before = next((one for one in reversed(earlier) if not leans(one)), earlier[0])
    before = " ".join(before.split())[:LONGEST_EARLIER]
    return question if not before or before.casefold() == question.casefold() else f"{before} {question}"


def leans(question: str) -> bool:
    """Whether a question can hardly be understood without the one before it."""
    words = question.split()
    named = len(stems(question))
    is_mere_name = len(words) <= 2 and question.rstrip().endswith("?")
    if not named or (named == 1 and not _DEFINES.match(question)) or is_mere_name:
        return True
    if len(words) > LONGEST_LEANING:
        return False
    return bool(_OPENING.match(question.strip())) or _points_outside(question)


def _points_outside(question: str) -> bool:
    """Whether it says "it" or "those" before it has named what that could be."""
    innocent = {match.start() for match in _NOT_POINTING.finditer(question)}
    return any(
        found.start() not in innocent and len(stems(question[: found.start()])) < NAMED
        for found in _POINTING.finditer(question)
    )
