"""What should not be read by everybody who may read the document: personal data, secrets, orders to models.

What personal data and secrets look like is moderation's knowledge and is asked of it. Here is decided how bad it is
in a document: one contact line is what a handbook has, a list of accounts is not; a key form with a real key is a
leak, an example in a manual is none; an order to a model that nobody can see was put there on purpose.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import regex

from knowledge.quality.findings import Finding, Subject, count, some
from moderation.screening.detectors import INJECTION, PERSONAL_DATA, SECRETS, Detector, is_card
from moderation.screening.normalising import Normalised

_PHONE = Detector(
    "phone",
    regex.compile(
        r"(?<![\w.+/-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}"
        r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w/-])"
    ),
    lambda text: 8 <= sum(sign.isdigit() for sign in text) <= 15,
)
_SOCIAL_SECURITY = Detector(
    "social_security", regex.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
)
_CARD_SHAPE = regex.compile(r"\d{14,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{2,7}|\d{4}([ -])\d{6}\2\d{4,5}")
_WEB = regex.compile(r"https?://\S+")
# Tables are full of numbers with gaps, one in ten of them with the check digit of a card.
_PERSONAL = tuple(
    replace(one, is_real=lambda text: bool(_CARD_SHAPE.match(text)) and is_card(text)) if one.kind == "card" else one
    for one in (*PERSONAL_DATA, _PHONE, _SOCIAL_SECURITY)
)
_KINDS = {
    "card": ("card number", "card numbers"),
    "iban": ("bank account", "bank accounts"),
    "social_security": ("social security number", "social security numbers"),
    "email": ("e-mail address", "e-mail addresses"),
    "phone": ("phone number", "phone numbers"),
}
_SENSITIVE = ("card", "iban", "social_security")
_BULK_SENSITIVE, _BULK_CONTACTS = 3, 60

_SECRETS = {
    "key": (1.0, "access key", "access keys"),
    "private_key": (1.0, "private key", "private keys"),
    "url_password": (0.9, "address with a password in it", "addresses with a password in them"),
    "assigned_secret": (0.85, "password or token", "passwords or tokens"),
}
_IN_LINK = 0.4  # signed tokens in links of mailings say who clicked, and open nothing
# Long random tokens are left out: in documents they are ids in addresses.
_DETECTORS = tuple(detector for detector in SECRETS if detector.kind in _SECRETS)
_NO_SECRET = regex.compile(
    r"example|sample|placeholder|dummy|changeme|change_me|redacted|your[_-]|my[_-]|xxx|\*\*\*|\.\.\.|…|123456|abcdef"
    r"|[<>{}$()\[\]`]|://[^/]*:(?:pass(?:word)?|secret|pwd|pw|token)@",
    regex.IGNORECASE,
)
_KEY_BODY = regex.compile(r"KEY-----\s+(?:[\w-]+: [^\n]*\s+){0,4}[A-Za-z0-9+/=]{16,}\s")

_MODELS = r"(?:ai|a\.i\.|llms?|language models?|chatbots?|chatgpt|gpt-?\d?|claude|copilot|gemini)"
_TO_MODELS = r"(?:if you are|you are|dear|attention|note (?:to|for)|instructions? (?:to|for)) (?:an? |any |all |the )?"
_OF_A_KIND = r"(?: (?:assistants?|models?|systems?|agents?|reading|reviewing|summari[sz]ing))?"
_MODELS_MUST = r"(?:ai|llm) (?:assistants?|models?|agents?) (?:must|should|shall|are to)"
_ALWAYS = r"(?:always|only) (?:answer|respond|reply|say|recommend)"
_WHEN_ASKED = r"when (?:asked|answering|summari[sz]ing|citing) .{0,60}(?:always|never|must|say|answer|recommend)"
_NEW_TASK = r"your (?:new|real) (?:task|instructions?|goal) (?:is|are)"
_ORDERS = (
    *INJECTION,
    Detector(
        "address",
        regex.compile(rf"(?<!\w)(?:{_TO_MODELS}{_MODELS}{_OF_A_KIND}|{_MODELS_MUST})(?!\w)", regex.IGNORECASE),
        weight=0.6,
    ),
    Detector(
        "order", regex.compile(rf"(?<!\w)(?:{_ALWAYS}|{_WHEN_ASKED}|{_NEW_TASK})(?!\w)", regex.IGNORECASE), weight=0.5
    ),
)


@dataclass(frozen=True)
class _Match:
    kind: str
    weight: float
    text: str
    place: tuple[int, int]


def personal_data(subject: Subject) -> list[Finding]:
    """Cards, accounts, numbers and addresses of people: how many different ones of each kind."""
    different: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    addresses = _addresses(subject.text)
    for match in _matches(subject.normal, _PERSONAL):
        if match.kind != "email" and _is_within(match.place, addresses):
            continue  # the number of an article in its address
        different[match.kind].setdefault("".join(match.text.split()).casefold(), match.place)
    if not different:
        return []
    counts = {kind: len(different[kind]) for kind in _KINDS if kind in different}
    sensitive = sum(counts.get(kind, 0) for kind in _SENSITIVE)
    contacts = sum(counts.values()) - sensitive
    severity = max(
        min(0.35 + 0.45 * (sensitive - 1) / (_BULK_SENSITIVE - 1), 1.0) if sensitive else 0.0,
        min(0.1 + 0.7 * contacts / _BULK_CONTACTS, 0.9),
    )
    ordered = [kind for kind in _KINDS if kind in counts]
    message = f"There is personal data: {_listed([count(counts[kind], *_KINDS[kind]) for kind in ordered])}."
    places = [place for kind in ordered for place in different[kind].values()]
    return [Finding("personal_data", severity, message, some(places), {"counts": counts})]


def secrets(subject: Subject) -> list[Finding]:
    """Keys and passwords; examples that say they are some hardly count."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    severity = 0.0
    addresses = _addresses(subject.text)
    taken: list[tuple[int, int]] = []
    for match in _matches(subject.normal, _DETECTORS):
        if any(start < match.place[1] and match.place[0] < end for start, end in taken):
            continue  # what one detector has named, a later and vaguer one does not name again
        taken.append(match.place)
        if _is_real(subject.text, match):
            found[match.kind].append(match.place)
            is_in_link = match.text.startswith("eyJ") and _is_within(match.place, addresses)
            severity = max(severity, _IN_LINK if is_in_link else _SECRETS[match.kind][0])
    if not found:
        return []
    message = f"There may be secrets: {_listed([count(len(found[kind]), *_SECRETS[kind][1:]) for kind in found])}."
    places = [place for kind in sorted(found, key=lambda kind: -_SECRETS[kind][0]) for place in found[kind]]
    counts = {kind: len(spans) for kind, spans in found.items()}
    return [Finding("secrets", severity, message, some(places), {"counts": counts})]


def _is_real(text: str, match: _Match) -> bool:
    if match.kind == "private_key":
        return _KEY_BODY.search(text, match.place[0], match.place[1] + 400) is not None
    return _NO_SECRET.search(match.text) is None


def instructions(subject: Subject) -> list[Finding]:
    """Orders to language models: in what readers see it may be what the text is about; in hidden text it is not."""
    found = []
    for text in subject.extracted.hidden:
        if _orders(Normalised(text), enough=0.5):
            message = "Text that nobody sees who opens it gives orders to language models."
            found.append(Finding("instructions", 1.0, message, detail={"hidden": [text[:300]]}))
            break
    if places := _orders(subject.normal, enough=1.0):
        message = "It says things that could be meant as orders to a language model."
        found.append(Finding("instructions", 0.5, message, some(places), {"counts": {"places": len(places)}}))
    return found


def _orders(text: Normalised, *, enough: float) -> list[tuple[int, int]]:
    """Where the signs of an order stand, when the weights of their kinds add up to ``enough``; else nothing."""
    matches = list(_matches(text, _ORDERS))
    weights = {match.kind: match.weight for match in matches}
    return [match.place for match in matches] if sum(weights.values()) >= enough else []


def _matches(normal: Normalised, detectors: Sequence[Detector]) -> Iterator[_Match]:
    """What the detectors find, with places in the original text."""
    for detector in detectors:
        for match in detector.pattern.finditer(normal.text, timeout=detector.seconds):
            if detector.is_real is None or detector.is_real(match[0]):
                place = normal.place(match.start()), normal.place(match.end())
                yield _Match(detector.kind, detector.weight, match[0], place)


def _addresses(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _WEB.finditer(text)]


def _is_within(place: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    """Whether ``place`` touches one of ``spans``, which are in order."""
    at = bisect_right(spans, place) - 1
    return any(start < place[1] and place[0] < end for start, end in spans[max(at, 0) : at + 2])


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
