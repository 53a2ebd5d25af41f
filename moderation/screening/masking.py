"""Text without what names a person or opens a door, for places where the words matter and the person does not."""

from __future__ import annotations

from moderation.screening.detectors import PERSONAL_DATA, SECRETS
from moderation.screening.normalising import Normalised

NAMES = {"card": "card number", "iban": "account number", "email": "e-mail address"}


def mask(text: str) -> str:
    """``text`` with every card and account number, e-mail address and secret replaced by what it was, in brackets.

    Names of people stay: nothing here knows them from other words.
    """
    normal = Normalised(text)
    spans = sorted(
        (normal.place(match.start()), normal.place(match.end()), NAMES.get(detector.kind, "secret"))
        for detector in (*PERSONAL_DATA, *SECRETS)
        for match in detector.pattern.finditer(normal.text)
        if detector.is_real is None or detector.is_real(match[0])
    )
    pieces: list[str] = []
    at = 0
    for start, end, name in spans:
        if start >= at:
            pieces += [text[at:start], f"[{name}]"]
        at = max(at, end)
    return "".join([*pieces, text[at:]])
