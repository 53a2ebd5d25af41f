"""How fast documents become searchable, against what the embedder alone does with the same passages.

The demo company is brought in as `manage.py ingest` does it: every file read by a confined process, split, embedded,
indexed and audited. It is small, which is the hard case: starting the readers counts more than reading. BENCH_DOCUMENTS
names a folder to take instead.
"""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

from app.inference.embedding.local import embed_passages
from bench.company import Company
from bench.harness import Goal, Row, interleaved
from bench.house import House
from bench.pdf_text import rows as pdf_rows
from knowledge.index.indexing import embedding_input
from knowledge.models import Document, Passage


def run(house: House) -> list[Row]:
    house.add_embedding_model()
    company = Company.found()
    numbers = itertools.count()
    folder = os.environ.get("BENCH_DOCUMENTS")

    def take(name: str) -> None:
        if folder:
            company.bring_in_folder(Path(folder), name)
        else:
            company.bring_in(f"{name} ")

    take("warm-up")
    documents = Document.objects.filter(state=Document.State.PUBLISHED).count()
    inputs = [
        embedding_input(passage.version.document.title, passage.heading_path, passage.text)
        for passage in Passage.objects.select_related("version__document")
    ]

    def ingest() -> float:
        begun = time.monotonic()
        take(f"run {next(numbers)}")
        return time.monotonic() - begun

    def embed() -> float:
        begun = time.monotonic()
        embed_passages(inputs)
        return time.monotonic() - begun

    seconds = interleaved({"embed": embed, "ingest": ingest})
    passages = len(inputs)
    return [
        *pdf_rows(),
        Row("documents", [documents / each for each in seconds["ingest"]], "documents/s"),
        Row("embedder alone", [passages / each for each in seconds["embed"]], "passages/s"),
        Row(
            "passages",
            [passages / each for each in seconds["ingest"]],
            "passages/s",
            "embedder alone",
            [passages / each for each in seconds["embed"]],
            Goal("ratio", 0.9, at_least=True),
        ),
    ]
