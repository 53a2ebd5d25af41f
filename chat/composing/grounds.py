"""What of an answer no passage supports: each sentence that claims something is held against what was found.

A claim is supported when it is near enough to the passages by meaning and words together, and has no number that stands
in none of them. The line was chosen on answers with and without the right passage at hand, and measured on others
(``make bench ONLY=unsupported``): with it about one sentence in twenty-five is marked all the same, often one that a
writer added of their own; without it about four in five are. Greetings, questions, code, and what an answer says about
itself claim nothing. A mark says "look here yourself", not "this is false".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chat.streaming.telling import MARKER
from knowledge.models import Document
from knowledge.retrieval.carrying import Carried, carried
from knowledge.retrieval.found import Found
from knowledge.text.blocks import Kind
from knowledge.text.sentences import Sentence, sentences
from knowledge.text.wording import plain

WORDS_WEIGHT = 0.8
ENOUGH = 0.98
LEAST_WORDS = 3
MOST_CLAIMS = 80
MOST_SOURCES = 3

Span = tuple[int, int]

# Politeness, in a sentence of few words; and what an answer says of itself.
_POLITE = re.compile(
    r"^\W*(?:hello|hi|hey|dear|good (?:morning|afternoon|evening)|thanks?|thank you|welcome|sure|certainly|of course"
    r"|great question|sorry|apologies|here (?:is|are)|in (?:summary|short)|hallo|guten (?:tag|morgen)|danke|gerne)\b",
    re.IGNORECASE,
)
_POLITE_WORDS = 7
_META = re.compile(
    r"^\W*(?:(?:i|we) (?:hope|am happy|am glad|would be happy|can help|am an? (?:ai|assistant)|understand)\b"
    r"|the (?:\w+ )?passages? (?:is|are|was|were|does|do|above|below|given|provided|that)\b"
    r"|(?:please )?(?:let me know|feel free|ask me|tell me)\b|if you (?:have|need) (?:any|more|further)\b)",
    re.IGNORECASE,
)
# That it does not know, or that the passages do not say.
_MATERIAL = r"(?:passages?|documents?|sources?|context|handbook|texts?|information|materials?)"
_NOT = r"(?:(?:do|does|did|could|is|are|am) not|cannot|(?:don|doesn|didn|can|couldn)['’]t)"
_REFUSES = re.compile(
    rf"\b(?:i|we|none of the|the (?:\w+ )?{_MATERIAL}(?: \w+){{0,3}}) {_NOT}\b"
    r".{0,40}\b(?:know|say|answer|mention|contain|cover|state|specify|provide|include|find|tell|sure|able|aware)"
    rf"|\bi['’]m not (?:sure|able|aware)\b|\b(?:no|not enough) (?:\w+ )?{_MATERIAL}\b|\bfound nothing\b"
    rf"|\bnot (?:mentioned|covered|stated|specified|answered|found|given|contained) (?:in|by) the (?:\w+ )?{_MATERIAL}"
    r"|\bich (?:weiß|finde|habe)\b.{0,60}\b(?:nicht|nichts|keine?)\b"
    r"|\b(?:dokumente|unterlagen|passagen)\b.{0,60}\b(?:nicht|nichts|keine?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Grounds:
    """``claims`` counts the sentences that claim something, ``unsupported`` are spans of the text. ``is_nothing``: the
    answer stands on nothing at all, or says so itself; then ``near`` are the sources that come nearest to its topic.
    """

    claims: int = 0
    unsupported: Sequence[Span] = ()
    is_nothing: bool = False
    near: Sequence[UUID] = field(default=())

    def as_json(self) -> dict[str, Any]:
        kept: dict[str, Any] = {"claims": self.claims, "unsupported": [list(span) for span in self.unsupported]}
        return kept | ({"near": [str(source_id) for source_id in self.near]} if self.is_nothing else {})


def judge(text: str, found: Sequence[Found], question: str) -> Grounds:
    """Hold ``text`` against the passages its model was given. Raises UnavailableError without an embedding model."""
    claims = claims_in(text)
    told = carried([bare(text, one) for one in claims], found, question)
    spans = [(one.start, one.end) for one, how in zip(claims, told, strict=True) if not is_supported(how)]
    is_nothing = len(spans) == len(claims) if claims else says_nothing(text)
    return Grounds(len(claims), spans, is_nothing, nearest_sources(found) if is_nothing else ())


def nothing(found: Sequence[Found]) -> Grounds:
    """Of an answer that could quote nothing."""
    return Grounds(is_nothing=True, near=nearest_sources(found))


def is_supported(how: Carried) -> bool:
    return how.has_numbers and how.cosine + WORDS_WEIGHT * how.held >= ENOUGH


def claims_in(text: str) -> list[Sentence]:
    """The sentences of a Markdown text that claim something, in order; of a very long one the first eighty."""
    return [one for one in sentences(text) if _claims(text, one)][:MOST_CLAIMS]


def says_nothing(text: str) -> bool:
    """Whether an answer says of itself that it has none."""
    return any(_is_refusal(plain(text[one.start : one.end])) for one in sentences(text))


def _claims(text: str, sentence: Sentence) -> bool:
    words = bare(text, sentence)
    if sentence.kind is Kind.CODE or words.endswith(("?", ":")) or _META.search(words) or _is_refusal(words):
        return False
    count = sum(any(sign.isalnum() for sign in word) for word in words.split())
    if count <= _POLITE_WORDS and _POLITE.search(words):
        return False
    return count >= LEAST_WORDS or (sentence.kind is not Kind.PARAGRAPH and count > 0 and any(map(str.isdigit, words)))


def _is_refusal(words: str) -> bool:
    return bool(_REFUSES.search(words))


def bare(text: str, sentence: Sentence) -> str:
    """A sentence as it is compared: without signs and numbers of citations, after what it hangs on."""
    words = plain(MARKER.sub("", text[sentence.start : sentence.end]))
    return f"{sentence.lead} {words}".strip() if sentence.kind is Kind.TABLE else words


def nearest_sources(found: Sequence[Found]) -> list[UUID]:
    """The sources of what was found, the nearest first."""
    ids = list(dict.fromkeys(one.document_id for one in sorted(found, key=lambda one: -one.score)))
    source_of = dict(Document.objects.filter(pk__in=ids).values_list("pk", "source_id")) if ids else {}
    return list(dict.fromkeys(source_of[one] for one in ids if one in source_of))[:MOST_SOURCES]
