"""Text that cannot be read, or hardly is any; and the many texts that only look unusual."""

from __future__ import annotations

import base64
import codecs

import pytest

from knowledge.extraction.types import Extracted
from knowledge.quality.findings import Finding, Subject
from knowledge.quality.legibility import garbled, little_text
from knowledge.quality.lines import CHECKS

ENGLISH = (
    "Everybody who works here has twenty-seven days of annual leave in a calendar year. Ask for it two weeks ahead, "
    "unless something urgent has come up; your manager answers within three working days. Days that are left over at "
    "the end of the year can be taken until the end of March, and are lost after that.\n\n"
) * 3
GERMAN = (
    "Alle Beschäftigten haben im Kalenderjahr Anspruch auf siebenundzwanzig Tage Erholungsurlaub. Über Anträge wird "
    "innerhalb von drei Arbeitstagen entschieden; für übertragene Tage läuft die Frist bis Ende März.\n\n"
) * 4
REAL = {
    "english": ENGLISH,
    "german": GERMAN,
    "polish": "Każdy pracownik ma prawo do dwudziestu siedmiu dni urlopu wypoczynkowego w roku kalendarzowym. " * 6,
    "czech": "Každý zaměstnanec má nárok na dovolenou; čtvrtletní přehled zpracuje vždy první čtvrtek v měsíci. " * 6,
    "vietnamese": "Mỗi nhân viên được nghỉ phép hai mươi bảy ngày trong một năm dương lịch, theo quy định. " * 6,
    "russian": "Каждый сотрудник имеет право на ежегодный отпуск продолжительностью двадцать семь дней. " * 6,
    "greek": "Κάθε εργαζόμενος δικαιούται είκοσι επτά ημέρες ετήσιας άδειας μέσα στο ημερολογιακό έτος. " * 6,
    "arabic": "يحق لكل موظف سبعة وعشرون يوما من الإجازة السنوية في السنة التقويمية الواحدة. " * 6,
    "hindi": "प्रत्येक कर्मचारी को एक कैलेंडर वर्ष में सत्ताईस दिनों की वार्षिक छुट्टी मिलती है। " * 6,
    "chinese": "每位员工在一个日历年内享有二十七天年假。请提前两周申请，经理在三个工作日内答复。" * 8,
    "japanese": "従業員は一暦年につき二十七日の年次休暇を取得できます。二週間前までに申請してください。" * 8,
    "acronyms": "Ask HR or IT: the VPN, SSO, MFA, LDAP and SMTP settings of every PC and NAS are kept by the CISO. "
    * 6,
    "table": "| Code | Name |\n| --- | --- |\n" + "| XKCD-1234-QRST | BXPRTZ |\n" * 60,
    "code": f"Run this:\n\n```\n{'for f in *.txt; do mv $f ${f%.txt}.md; done' * 9}\n```\n\n" + ENGLISH,
    "addresses": "See https://example.org/d/1DtM5FqxGdP54Mt5aWD6VqzgRLfgOBvZo8vtpuLuaFz4 and ask. " * 12,
    "bullets": "".join(f"\uf0b7 Point {number} of the long list that we keep\n" for number in range(40)),
    "one lost character": f"{ENGLISH} caf\ufffd {ENGLISH}",
}


def subject(text: str, *, pages: int = 0, size_bytes: int = 1000) -> Subject:
    return Subject(Extracted("", text, "text/plain", [(0, len(text))] * pages), [], size_bytes)


def holds(findings: list[Finding]) -> bool:
    return any(one.severity >= (CHECKS[one.check].line or 2) for one in findings)


@pytest.mark.parametrize("text", REAL.values(), ids=REAL.keys())
def test_real_text_is_not_garbled(text: str) -> None:
    assert not holds(garbled(subject(text)))


@pytest.mark.parametrize("name", ["english", "german", "polish", "russian", "chinese", "table", "bullets"])
def test_real_text_is_not_even_doubted(name: str) -> None:
    assert garbled(subject(REAL[name])) == []


BROKEN = {
    "read as windows-1252": GERMAN.encode().decode("cp1252", "replace"),
    "read as latin-1": GERMAN.encode().decode("latin-1"),
    "typographic signs misread": ENGLISH.replace("; ", " — ").replace("e ", "’ ").encode().decode("cp1252", "replace"),
    "lost characters": ENGLISH.replace("e", "\ufffd"),
    "glyph numbers": "(cid:12)(cid:45)" * 200 + ENGLISH,
    "a font mapped to other letters": "".join(chr(max(ord(sign) - 29, 33)) if sign > " " else sign for sign in ENGLISH),
    "letters moved on": codecs.encode(ENGLISH * 2, "rot13"),
    "encoded bytes": base64.b64encode(ENGLISH.encode() * 2).decode(),
    "no spaces": ENGLISH.replace(" ", "").replace(",", "").replace(".", ""),
    "no vowels": "".join(sign for sign in ENGLISH if sign not in "aeiou"),
    "signs in words": ENGLISH.replace("e", "~").replace("a", "^"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_garbled_text_is_held(text: str) -> None:
    assert holds(garbled(subject(text)))


def test_a_wrong_encoding_is_named_with_its_places() -> None:
    (finding,) = garbled(subject(BROKEN["read as latin-1"]))
    assert "wrong encoding" in finding.message
    start, end = finding.places[0]
    assert BROKEN["read as latin-1"][start:end] == "Ã¤"


def test_many_places_are_cut_short() -> None:
    (finding,) = garbled(subject(BROKEN["lost characters"]))
    assert len(finding.places) == 20


def test_a_short_note_is_only_remarked_on() -> None:
    (finding,) = little_text(subject("Closed on Friday."))
    assert not holds([finding])
    assert little_text(subject("The office is closed on Friday, 5 June.")) == []


def test_hardly_any_text_on_many_pages_is_held() -> None:
    assert holds(little_text(subject("Confidential", pages=12)))
    assert not little_text(subject(ENGLISH, pages=1))


def test_hardly_any_text_in_a_heavy_file_is_held() -> None:
    assert holds(little_text(subject("Logo of the company", size_bytes=900_000)))
