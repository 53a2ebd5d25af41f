"""Sources, documents, their immutable versions, passages, and the vectors that find them.

A source says who may read; everything below it inherits that. A version's ``text`` is the one text that spans
count in: a passage is ``text[start:end]`` of its version, and a citation is a span inside a passage.
"""

from knowledge.models.documents import Copy, Document, DocumentQuerySet, Version, VersionQuerySet
from knowledge.models.gaps import Gap, GapQuerySet, GapQuestion, GapQuestionQuerySet, Reminder
from knowledge.models.index import Embedding, IndexGeneration
from knowledge.models.passages import Passage, PassageQuerySet
from knowledge.models.sources import Source, SourceQuerySet, Sync

__all__ = [
    "Copy",
    "Document",
    "DocumentQuerySet",
    "Embedding",
    "Gap",
    "GapQuerySet",
    "GapQuestion",
    "GapQuestionQuerySet",
    "IndexGeneration",
    "Passage",
    "PassageQuerySet",
    "Reminder",
    "Source",
    "SourceQuerySet",
    "Sync",
    "Version",
    "VersionQuerySet",
]
