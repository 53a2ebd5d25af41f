"""All checks over one text, and the report that is kept with its version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowledge.quality import exposure, legibility, reading
from knowledge.quality.findings import Finding, Subject, level
from knowledge.quality.lines import holding

Report = dict[str, Any]

_CHECKS: tuple[Callable[[Subject], list[Finding]], ...] = (
    legibility.little_text,
    legibility.garbled,
    reading.unsure_recognition,
    reading.unread_pages,
    reading.hidden_text,
    reading.boilerplate,
    reading.repetition,
    exposure.personal_data,
    exposure.secrets,
    exposure.instructions,
)


@dataclass(frozen=True)
class Judgement:
    """What was found, most severe first, and which of it holds the document."""

    findings: list[Finding]
    over: list[Finding]
    notes: list[str]
    characters: int

    @property
    def reason(self) -> str:
        """Why it is held, in a sentence; "" when it is not."""
        return " ".join(finding.message for finding in self.over)[:500]

    def report(self) -> Report:
        return {
            "characters": self.characters,
            "notes": self.notes,
            "findings": [finding.to_json() for finding in self.findings],
            "holds": list(dict.fromkeys(finding.check for finding in self.over)),
        }


def judge(subject: Subject, alike: Sequence[Finding], source_lines: Mapping[str, Any]) -> Judgement:
    """Run every check. ``alike`` are the findings that compare with other documents (``likeness``)."""
    findings = [*alike, *(finding for check in _CHECKS for finding in check(subject))]
    findings.sort(key=lambda finding: -finding.severity)
    return Judgement(findings, holding(findings, source_lines), subject.extracted.notes, len(subject.text))


def summary(report: Report) -> dict[str, Any]:
    """A report in short, as the document carries it: no places, no details."""
    return {
        "characters": report["characters"],
        "notes": report["notes"],
        "findings": [
            {"check": one["check"], "level": level(one["severity"]), "message": one["message"]}
            for one in report["findings"]
        ],
        "holds": report["holds"],
    }
