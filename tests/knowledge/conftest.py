"""What tests of knowledge need besides the cast: the real embedding model, and documents brought in the real way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from accounts.models import Group, User
from knowledge.ingestion import upload_document
from knowledge.models import Document, Source
from knowledge.publication.processing import process_document
from tests import factories

Publish = Callable[..., Document]

LEAVE = """---
title: Annual leave
---
# Annual leave

Everybody has 27 days of annual leave in a calendar year.

## Carrying days over

You can carry over up to five unused days into the next year. They must be taken by 31 March.
"""


@pytest.fixture(autouse=True)
def model(embedding_weights: Path) -> None:
    """The embedding model stands where Parley looks for it."""


@pytest.fixture
def handbook(olivia: User, crew: Group) -> Source:
    """Olivia's source, which Crew may read."""
    return factories.make_source(owner=olivia, name="Handbook", groups=[crew])


@pytest.fixture
def publish(olivia: User) -> Publish:
    """``publish(source, "leave.md", text)``: bring a file in and read it to its end."""

    def bring(source: Source, name: str = "leave.md", content: str | bytes = LEAVE) -> Document:
        data = content.encode() if isinstance(content, str) else content
        document = upload_document(actor=source.owner, source=source, file=[data], name=name)
        process_document(document.pk)
        return Document.objects.get(pk=document.pk)

    return bring
