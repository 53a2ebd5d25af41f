"""From which severity on a finding holds a document for its keeper: by check, with what a source says instead.

The defaults hold what does harm once it is found by many people: secrets, personal data in bulk, orders to models
that nobody sees, and text that nobody can read. Everything else is said in the report and published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop as _

from app.errors import BadInputError
from knowledge.quality.findings import Finding


@dataclass(frozen=True)
class Check:
    """A check by its name: what people call it, what it looks for, and the severity that holds, or None for never."""

    label: str
    summary: str
    line: float | None


CHECKS: dict[str, Check] = {
    "secrets": Check(_("Secrets"), _("Passwords, access keys and private keys."), 0.8),
    "personal_data": Check(_("Personal data"), _("Cards, bank accounts, numbers and addresses of many people."), 0.8),
    "instructions": Check(
        _("Orders to models"), _("Text that tells language models what to do, above all hidden."), 0.9
    ),
    "garbled": Check(_("Garbled text"), _("Wrong encodings, lost characters, letters that make no words."), 0.7),
    "little_text": Check(_("Too little text"), _("Almost no text for the size of the file."), 0.8),
    "ocr": Check(_("Unsure recognition"), _("Scanned pages whose words are guesses."), 0.8),
    "unread_pages": Check(_("Unread pages"), _("Scanned pages that could not be read."), None),
    "hidden_text": Check(_("Hidden text"), _("Text that nobody sees who opens the file."), None),
    "duplicate": Check(_("Duplicate"), _("Another document says the very same."), None),
    "near_duplicate": Check(_("Near-duplicate"), _("Another document says nearly the same."), None),
    "boilerplate": Check(_("Boilerplate"), _("Mostly navigation, heads and feet."), None),
    "repetition": Check(_("Repeated lines"), _("The same lines again and again."), None),
}


def holding(findings: Sequence[Finding], source_lines: Mapping[str, Any]) -> list[Finding]:
    """The findings that reach the line of their check, most severe first."""
    lines = lines_of(source_lines)
    over = [one for one in findings if (line := lines[one.check]) is not None and one.severity >= line]
    return sorted(over, key=lambda one: -one.severity)


def lines_of(source_lines: Mapping[str, Any]) -> dict[str, float | None]:
    """The line of every check, with ``Source.quality_lines`` on top of the defaults."""
    return {name: source_lines.get(name, check.line) for name, check in CHECKS.items()}


def checked_lines(data: Any) -> dict[str, float | None]:
    """``Source.quality_lines`` as somebody gave them, without what is as by default anyway.

    Raises BadInputError for a check that does not exist and for what is neither null nor from 0 to 1.
    """
    if not isinstance(data, Mapping):
        raise BadInputError("Quality lines are an object of checks with a severity from 0 to 1, or null.")
    if unknown := sorted(set(data) - set(CHECKS)):
        raise BadInputError(f"There is no check called {unknown[0]}; the checks are {', '.join(CHECKS)}.")
    for name, line in data.items():
        is_number = isinstance(line, int | float) and not isinstance(line, bool)
        if line is not None and not (is_number and 0 <= line <= 1):
            raise BadInputError(f"The line of {name} is a severity from 0 to 1, or null for never.")
    return {name: line for name, line in data.items() if line != CHECKS[name].line}
