"""A waiting version made ready: read, split, judged. Embedding and publishing are other steps, so that a sync can
embed the passages of many documents at once.

What was held and then released is not read again: what is published is exactly what its keeper looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from knowledge.extraction.running import extract
from knowledge.extraction.types import Extracted, ExtractionError
from knowledge.files import path_of
from knowledge.index.indexing import embedding_input
from knowledge.models import Document, Version
from knowledge.publication import progress
from knowledge.publication.leasing import renew
from knowledge.quality.findings import Subject
from knowledge.quality.judging import Report, judge
from knowledge.quality.likeness import alike
from knowledge.quality.signatures import signature
from knowledge.text.splitting import Piece, split
from moderation.screening.masking import mask


@dataclass(frozen=True)
class Prepared:
    """A version as it is to be published; ``reason`` says why it is held instead, and is "" when it is not."""

    document: Document
    version: Version
    title: str
    extracted: Extracted
    pieces: Sequence[Piece]
    signature: list[int]
    report: Report
    reason: str = ""

    @property
    def inputs(self) -> list[str]:
        """What is embedded, one for each passage."""
        text = self.extracted.text
        return [embedding_input(self.title, one.heading_path, text[one.start : one.end]) for one in self.pieces]


def prepare(document: Document, version: Version) -> Prepared:
    """Read, split and judge. Raises ExtractionError for what cannot be published."""
    if version.accepted_at:
        return _as_accepted(document, version)
    progress.tell(document.pk, "reading", 0.05)
    extracted = extract(path_of(version.file), version.file_name, while_waiting=partial(renew, document))
    renew(document)
    pieces = split(extracted.text, extracted.pages)
    if not pieces:
        raise ExtractionError("There is no text in it that can be read. Is it a scan, or only pictures?")
    progress.tell(document.pk, "checking", 0.08)
    marks = signature(extracted.text)
    subject = Subject(extracted, pieces, version.size_bytes)
    judgement = judge(subject, alike(document, extracted.text, marks), document.source.quality_lines)
    return Prepared(
        document,
        version,
        title_of(document, version, extracted),
        extracted,
        pieces,
        marks,
        judgement.report(),
        judgement.reason,
    )


def _as_accepted(document: Document, version: Version) -> Prepared:
    pages = [(start, end) for start, end in version.pages]
    extracted = Extracted(version.title, version.text, version.media_type, pages)
    pieces = split(version.text, pages)
    return Prepared(document, version, version.title, extracted, pieces, version.signature, version.report)


def title_of(document: Document, version: Version, extracted: Extracted) -> str:
    """The text's own title, else its file name made readable. Titles stand in many places, so none holds a secret."""
    name = PurePath(version.name or document.key)
    own = extracted.title if mask(extracted.title) == extracted.title else ""
    return own or name.stem.replace("_", " ").replace("-", " ").strip().capitalize() or name.name
