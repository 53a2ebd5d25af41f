"""Sets of questions with known answers: the demo company's own, and those of the folder that BENCH_DATA names.

A set is a folder of files, brought in as any folder is, and questions, each with what answers it: words of a file, or a
stretch of one. Sets that come as chunks are put together to their files again, since Parley cuts passages itself; a
passage then counts as the chunk that holds most of it. What is asked for and not there is said, never left out quietly.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.demo.company import FOLDER as DEMO
from app.demo.company import READERS
from bench.harness import BenchError
from knowledge.text.wording import plain

HANDBOOK_QUESTIONS = Path(__file__).parent / "questions" / "handbook.json"
COVID_EVERY = 3  # every third of 1,380 questions: 460


@dataclass(frozen=True)
class Said:
    """Words that answer a question, in the file ``key``."""

    key: str
    words: str

    def is_in(self, key: str, text: str, start: int, end: int) -> bool:
        return key == self.key and on_one_line(self.words) in on_one_line(text)


@dataclass(frozen=True)
class Stretch:
    """Where the answer stands: ``[start, end)`` of the text read from the file ``key``."""

    key: str
    start: int
    end: int

    def is_in(self, key: str, text: str, start: int, end: int) -> bool:
        """Whether a passage lies mostly in it, or holds most of it."""
        shared = min(end, self.end) - max(start, self.start)
        return key == self.key and 2 * shared >= min(end - start, self.end - self.start)


Answer = Said | Stretch


@dataclass(frozen=True)
class Asked:
    """A question. ``wanted`` are the things to be found; of each, any one of its alternatives will do."""

    question: str
    wanted: Sequence[Sequence[Answer]]
    kind: str = ""
    earlier: Sequence[str] = ()


@dataclass
class QuestionSet:
    """``write`` puts the files into an empty folder. ``asked`` needs the texts as they were read, by file."""

    name: str
    write: Callable[[Path], None]
    asked: Callable[[Mapping[str, str]], list[Asked]]
    readers: Mapping[str, str] = field(default_factory=dict)


def question_sets() -> list[QuestionSet]:
    """Every set there is data for. Raises BenchError when BENCH_DATA names a folder that lacks one."""
    sets = [QuestionSet("demo", _copied(DEMO, list(READERS)), lambda texts: _demo_questions())]
    named = os.environ.get("BENCH_DATA")
    if not named:
        return sets
    data = Path(named)
    files = ("18f-handbook", "claude-docs/docs.json", "claude-code/chunks.json", "covid-qa/covidQA.json")
    if missing := [file for file in files if not (data / file).exists()]:
        raise BenchError(f"BENCH_DATA is {data}, where {', '.join(missing)} should be and is not.")
    handbook = QuestionSet("handbook", _copied(data / "18f-handbook"), lambda texts: _handbook_questions())
    return [*sets, handbook, _claude_docs(data / "claude-docs"), _claude_code(data / "claude-code"), _covid(data)]


def what_is_missing() -> str:
    """What to set for the sets that are not measured; empty when all are."""
    if os.environ.get("BENCH_DATA"):
        return ""
    return (
        "Only the demo's own questions were asked. For the sets handbook, claude-docs, claude-code and covid-qa set "
        "BENCH_DATA to the folder that holds 18f-handbook/, claude-docs/, claude-code/ and covid-qa/."
    )


def on_one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _copied(root: Path, folders: Sequence[str] = ()) -> Callable[[Path], None]:
    def write(target: Path) -> None:
        for file in sorted(root.rglob("*")):
            key = file.relative_to(root)
            if file.is_file() and (not folders or key.parts[0] in folders):
                _write(target / key, file.read_bytes())

    return write


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _load(path: Path) -> Any:
    return json.loads(path.read_text())


def _demo_questions() -> list[Asked]:
    return [
        Asked(one["question"], [[Said(one["file"], one["answer_contains"])]]) for one in _load(DEMO / "questions.json")
    ]


def _handbook_questions() -> list[Asked]:
    return [
        Asked(one["question"], [list(_said(one))], one["kind"], one.get("earlier", ()))
        for one in _load(HANDBOOK_QUESTIONS)
    ]


def _said(one: Mapping[str, Any]) -> Iterator[Said]:
    for place in (one, *one.get("also", ())):
        yield from (Said(place["file"], words) for words in place["answer_contains"])


def _claude_docs(folder: Path) -> QuestionSet:
    """One Markdown file a page, its sections under their headings; a question wants sections."""
    pages: dict[str, list[dict[str, str]]] = {}
    for section in _load(folder / "docs.json"):
        pages.setdefault(section["chunk_link"].partition("#")[0], []).append(section)
    keys = {link: f"{number:03d}-{link.rstrip('/').rpartition('/')[2]}.md" for number, link in enumerate(pages)}

    def write(target: Path) -> None:
        for link, sections in pages.items():
            title = link.rstrip("/").rpartition("/")[2].replace("-", " ").capitalize()
            parts = [f"## {one['chunk_heading']}\n\n{_without_heading(one)}" for one in sections]
            _write(target / keys[link], "\n\n".join([f"# {title}", *parts]).encode())

    def asked(texts: Mapping[str, str]) -> list[Asked]:
        places: dict[str, Stretch] = {}
        for link, sections in pages.items():
            text, at = texts[keys[link]], 0
            starts = [at := max(text.find(f"## {one['chunk_heading']}", at), at) for one in sections]
            for one, start, end in zip(sections, starts, [*starts[1:], len(text)], strict=True):
                places[one["chunk_link"]] = Stretch(keys[link], start, end)
        return [
            Asked(one["question"], [[places[link]] for link in one["correct_chunks"] if link in places])
            for one in _load(folder / "questions.json")
        ]

    return QuestionSet("claude-docs", write, asked)


def _without_heading(section: Mapping[str, str]) -> str:
    return section["text"].removeprefix(section["chunk_heading"]).strip()


def _claude_code(folder: Path) -> QuestionSet:
    """One text file a source file; a question wants chunks, which follow each other without a gap."""
    files = _load(folder / "chunks.json")

    def write(target: Path) -> None:
        for file in files:
            _write(target / f"{file['doc_id']}.txt", file["content"].encode())

    def asked(texts: Mapping[str, str]) -> list[Asked]:
        places: dict[tuple[str, int], Stretch] = {}
        for file in files:
            key, at = f"{file['doc_id']}.txt", 0
            find = _finder(file["content"], texts[key])
            for chunk in file["chunks"]:
                start = file["content"].index(chunk["content"], at)
                at = start + len(chunk["content"])
                places[file["original_uuid"], chunk["original_index"]] = Stretch(key, find(start), find(at))
        lines = (folder / "questions.jsonl").read_text().splitlines()
        return [
            Asked(one["query"], [[places[uuid, index]] for uuid, index in one["golden_chunk_uuids"]])
            for one in map(json.loads, lines)
        ]

    return QuestionSet("claude-code", write, asked)


def _covid(data: Path) -> QuestionSet:
    """Research papers; a question wants the span that people marked as its answer."""
    papers = [
        paragraph for paper in _load(data / "covid-qa" / "covidQA.json")["data"] for paragraph in paper["paragraphs"]
    ]

    def write(target: Path) -> None:
        for paper in papers:
            _write(target / f"{paper['document_id']}.txt", paper["context"].encode())

    def asked(texts: Mapping[str, str]) -> list[Asked]:
        found: list[Asked] = []
        for paper in papers:
            key = f"{paper['document_id']}.txt"
            find = _finder(paper["context"], texts[key])
            for one in paper["qas"]:
                spans = [(answer["answer_start"], answer["text"].rstrip()) for answer in one["answers"]]
                places = [Stretch(key, find(start), find(start + len(text))) for start, text in spans]
                found.append(Asked(one["question"], [places]))
        return found[::COVID_EVERY]

    return QuestionSet("covid-qa", write, asked)


def _finder(written: str, read: str) -> Callable[[int], int]:
    """From an offset in a file to the one in the text read from it, which differs in white space alone."""
    signs = [match.start() for match in re.finditer(r"\S", written)]
    places = [match.start() for match in re.finditer(r"\S", read)]
    nth = {start: number for number, start in enumerate(signs)}

    def find(offset: int) -> int:
        while offset < len(written) and written[offset].isspace():
            offset += 1
        number = nth.get(offset, len(places))
        return places[number] if number < len(places) else len(read)

    return find
