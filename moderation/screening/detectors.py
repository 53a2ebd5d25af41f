"""Stage 1 of screening: what to look for in a normalised text, without a model and without a network.

A detector is a pattern, a check that weeds out what only looks alike (checksums, entropy), and a weight. A rule fires
when the weights of the different kinds it found add up to 1, so that one weak sign of an injection is not yet an alarm.
Numbers are accepted by their beginning and tokens are always whole, so that more text never turns a finding into none;
that lets a stream be judged piece by piece.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import regex

from moderation.screening.normalising import normal_text
from moderation.screening.patterns import MATCH_SECONDS, compile_pattern

I = regex.IGNORECASE  # noqa: E741 - the name the regular expression modules use


@dataclass(frozen=True)
class Detector:
    """``pattern`` finds, ``is_real`` confirms the matched text, ``seconds`` limits patterns that people wrote."""

    kind: str
    pattern: regex.Pattern[str]
    is_real: Callable[[str], bool] | None = None
    weight: float = 1.0
    seconds: float | None = None


def words_detector(words: Iterable[str]) -> Detector:
    """Whole words and phrases in any case, accents and spacing; a ``*`` at a word's end stands for any ending."""
    phrases = sorted({_phrase(word) for word in words}, key=len, reverse=True)
    return Detector("words", regex.compile("|".join(phrases), I))


def pattern_detector(pattern: str) -> Detector:
    """A policy's own pattern. Raises PolicyError."""
    return Detector("pattern", compile_pattern(pattern), seconds=MATCH_SECONDS)


def _phrase(words: str) -> str:
    text = normal_text(words).strip()
    stem = text.removesuffix("*")
    begin = r"(?<!\w)" if _is_spaced(stem[0]) else ""
    ending = r"\w{0,40}" if text != stem else ""
    end = r"(?!\w)" if ending or _is_spaced(stem[-1]) else ""
    return begin + r"\s+".join(regex.escape(word) for word in stem.split()) + ending + end


def _is_spaced(character: str) -> bool:
    """Whether words of this character's script stand apart from one another. Chinese, Japanese and Thai ones do not."""
    code = ord(character)
    unspaced = 0x0E00 <= code <= 0x0EFF or 0x1000 <= code <= 0x109F or 0x1780 <= code <= 0x17FF
    return character.isalnum() and not (unspaced or 0x3040 <= code <= 0x9FFF or 0x20000 <= code <= 0x3FFFF)


def is_card(text: str) -> bool:
    """Whether these digits begin with a card number: an issuer's range, its length, and Luhn (ISO/IEC 7812)."""
    digits = "".join(character for character in text if character.isdigit())
    return any(len(digits) >= length and luhn(digits[:length]) for length in _card_lengths(digits))


def _card_lengths(digits: str) -> Sequence[int]:
    two = int(digits[:2])
    if digits[0] == "4":
        return 13, 16, 19
    if 51 <= two <= 55 or 2221 <= int(digits[:4]) <= 2720:
        return (16,)
    if two in (34, 37):
        return (15,)
    if two in (30, 36, 38, 39):
        return (14,)
    return (16, 19) if two in (35, 60, 62, 64, 65) else ()


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    odd = sum(int(digit) for digit in digits[-1::-2])
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


# Lengths by country, from the SWIFT IBAN registry.
_IBANS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 "
    "EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 "
    "KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 "
    "PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 "
    "VG24 XK20"
)
_IBAN_LENGTHS = {country[:2]: int(country[2:]) for country in _IBANS.split()}


def is_iban(text: str) -> bool:
    """Whether this begins with an account number: a country's length, and mod 97 (ISO 13616)."""
    letters = text.replace(" ", "").upper()
    length = _IBAN_LENGTHS.get(letters[:2], 0)
    if not length or len(letters) < length:
        return False
    number = letters[4:length] + letters[:4]
    return int("".join(str(int(letter, 36)) for letter in number)) % 97 == 1


def entropy(text: str) -> float:
    """Bits per character, by the characters' own frequencies (Shannon)."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def is_random(text: str) -> bool:
    """Whether a long token looks drawn by lot: letters of both cases and digits, more varied than hex digests."""
    has_all = any(c.isdigit() for c in text) and any(c.islower() for c in text) and any(c.isupper() for c in text)
    return has_all and entropy(text) > 4.3


def _is_assigned_secret(text: str) -> bool:
    value = regex.split(r"[:=]", text, maxsplit=1)[1].strip().strip("\"'")
    has_both = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return has_both and entropy(value) > 2.7


PERSONAL_DATA = (
    Detector("card", regex.compile(r"(?<!\w)\d(?:[ -]?\d){12,18}(?!\d)"), is_card),
    Detector("iban", regex.compile(r"(?<!\w)[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}", I), is_iban),
    Detector(
        "email", regex.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,62})\.){1,8}[a-z]{2,24}(?!\w)", I)
    ),
)

_KEY_FORMS = (
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    r"gh[pousr]_[A-Za-z0-9]{30,255}",
    r"github_pat_[A-Za-z0-9_]{40,255}",
    r"glpat-[\w-]{20,64}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,255}",
    r"AIza[\w-]{35}",
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}",
    r"sk-(?:ant-|proj-|svcacct-)?[\w-]{20,255}",
    r"hf_[A-Za-z0-9]{30,64}",
    r"parley_[\w-]{40,64}",
    r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}",
)
_NAMES = r"passwords?|passwd|pwd|passwort|kennwort|secret|token|api[_ -]?key|access[_ -]?key"

SECRETS = (
    Detector("key", regex.compile(rf"(?<![\w-])(?:{'|'.join(_KEY_FORMS)})")),
    Detector("private_key", regex.compile(r"-----BEGIN (?:[A-Z]{1,12} ){0,3}PRIVATE KEY")),
    Detector("url_password", regex.compile(r"(?<!\w)[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:[^\s/@]{3,128}@", I)),
    Detector(
        "assigned_secret",
        regex.compile(rf"(?<![A-Za-z])(?:{_NAMES})\s{{0,2}}[:=]\s{{0,2}}[\"']?[^\s\"']{{8,128}}", I),
        _is_assigned_secret,
    ),
    Detector("random_token", regex.compile(r"(?<![\w+/=-])[\w+/-]{32,512}(?![\w+/-])"), is_random),
)

_RULES = r"(?:instructions?|rules?|directions?|guidelines|prompts?|orders)"
_PRIOR = r"(?:all|any|the|your|my|these|those|previous|prior|above|earlier|preceding|foregoing|system|original)"


def _sign(kind: str, weight: float, pattern: str) -> Detector:
    return Detector(kind, regex.compile(r"(?<!\w)" + pattern.replace(" ", r"\s+") + r"(?!\w)", I), weight=weight)


INJECTION = (
    _sign("override", 1.0, rf"(?:ignore|disregard|forget|override|bypass)(?: {_PRIOR}){{1,4}} {_RULES}"),
    _sign(
        "leak",
        1.0,
        r"(?:reveal|print|repeat|show|output|tell)(?: me| us)? (?:your|the) (?:hidden |full )?system prompt",
    ),
    _sign("mode", 0.6, r"(?:developer|god|jailbreak|dan|unrestricted) mode"),
    _sign("role", 0.5, r"(?:you are now|from now on you are|pretend to be|act as if you)"),
    _sign("freedom", 0.5, r"(?:without (?:any )?(?:restrictions|filters|limits)|no (?:restrictions|rules) apply)"),
    _sign("conceal", 0.5, r"do not (?:tell|inform|mention)(?: this to| to)? (?:the user|anyone|anybody)"),
    Detector(
        "markers", regex.compile(r"<\|(?:im_start|im_end|system|endoftext)\|>|\[/?INST\]|<</?SYS>>", I), weight=0.7
    ),
)

SCREENS: dict[str, tuple[Detector, ...]] = {
    "personal_data": PERSONAL_DATA,
    "secrets": SECRETS,
    "injection": INJECTION,
}
