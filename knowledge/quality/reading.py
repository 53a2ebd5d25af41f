"""What could not be read well in a file, and what is in it more often than it should be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from knowledge.quality.findings import Finding, Subject, count, some

_SURE = 85.0
_REPEATED = 4
_LINE_CHARACTERS = 12


def unsure_recognition(subject: Subject) -> list[Finding]:
    """Pages read from pictures, as far as the recogniser was unsure of its words."""
    confidence, pages = subject.extracted.ocr_confidence, subject.extracted.ocr_pages
    if confidence is None or confidence >= _SURE:
        return []
    severity = min(0.2 + 0.6 * (_SURE - confidence) / 40, 1.0)
    message = (
        f"{count(len(pages), 'page')} had to be read from a picture, and the words are {confidence:.0f} % sure. "
        "Bring in a sharper scan, or the file it was printed from."
    )
    spans = [subject.extracted.pages[page - 1] for page in pages if page <= len(subject.extracted.pages)]
    return [Finding("ocr", severity, message, some(spans), {"confidence": round(confidence), "pages": pages[:100]})]


def unread_pages(subject: Subject) -> list[Finding]:
    """Scanned pages that nothing here can read."""
    unread = subject.extracted.unread_pages
    if not unread:
        return []
    share = len(unread) / max(len(subject.extracted.pages), len(unread))
    which = f"{'Page' if len(unread) == 1 else 'Pages'} {_ranges(unread)}"
    message = f"{which} could not be read: there is a picture and no text. Nothing on them is found."
    return [Finding("unread_pages", 0.3 + 0.6 * share, message, detail={"pages": unread[:100]})]


def _ranges(numbers: Sequence[int]) -> str:
    """``1, 3–7 and more``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [f"{first}" if first == last else f"{first}–{last}" for first, last in runs[:8]]
    return ", ".join(words) + (" and more" if len(runs) > 8 else "")


def boilerplate(subject: Subject) -> list[Finding]:
    """A file that is mostly navigation and running heads; they are left out, so little may be left."""
    left_out = subject.extracted.boilerplate_characters
    share = left_out / max(left_out + len(subject.text), 1)
    if share < 0.5:
        return []
    message = f"{share:.0%} of it is navigation, heads and feet that every page has. They are left out."
    return [Finding("boilerplate", 0.1 + 0.6 * share, message, detail={"characters": left_out})]


def repetition(subject: Subject) -> list[Finding]:
    """Lines of prose that come again and again, as running heads do that were not recognised."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    length = 0
    for block in subject.running:
        start = block.start
        for line in subject.text[block.start : block.end].split("\n"):
            words = " ".join(line.split()).casefold()
            length += len(words)
            if len(words) >= _LINE_CHARACTERS:
                places[words].append((start, start + len(line)))
            start += len(line) + 1
    again = {words: spans for words, spans in places.items() if len(spans) >= _REPEATED}
    share = sum(len(words) * (len(spans) - 1) for words, spans in again.items()) / max(length, 1)
    if share < 0.2:
        return []
    most = max(again, key=lambda words: len(words) * len(again[words]))
    message = f"{share:.0%} of its text are lines that stand there {_REPEATED} times or more."
    return [Finding("repetition", 0.6 * share, message, some(again[most]), {"share": round(share, 2)})]


def hidden_text(subject: Subject) -> list[Finding]:
    """Text that is in the file and that nobody sees who opens it. It is not published."""
    hidden = subject.extracted.hidden
    if not hidden:
        return []
    letters = sum(len(text) for text in hidden)
    message = f"It holds {count(len(hidden), 'text')} that nobody sees who opens it, and that is left out."
    return [Finding("hidden_text", min(0.3 + letters / 5000, 0.6), message, detail={"hidden": hidden[:20]})]
