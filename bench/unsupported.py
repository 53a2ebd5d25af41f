"""How often a sentence of an answer is said to have no source, with the right passage at hand and without it.

Answers that people wrote from known passages are held against what a search finds: with the passages they were written
from, where each sentence has a source; against the next best without those, where (nearly) none has; and with the right
ones but with each number changed, where the sentences with numbers have none any more. The line in
``chat.composing.grounds`` was chosen by looking at the first of every two questions only; the second is held out.
What people wrote says a little that is in no passage, and other passages say some of it too, so neither 0 nor 1 can be
reached. Nothing is random; set BENCH_DATA for more than the demo's own sentences.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.demo.company import FOLDER as DEMO
from bench.company import Company
from bench.harness import Goal, Row
from bench.house import House
from bench.judging import Shown
from bench.remembering import remembered
from bench.sets import Asked, QuestionSet, question_sets, what_is_missing
from chat.composing.gathering import EVIDENCE_COUNT
from chat.composing.grounds import bare, claims_in, is_supported
from knowledge.models import Document, Source
from knowledge.retrieval import search
from knowledge.retrieval.carrying import Carried, carried, numbers_in
from knowledge.retrieval.found import Found

DEPTH = 20
WITH, WITHOUT, ALTERED = "with the right passage", "without it", "with its numbers changed"
HALVES = ("tuned on", "held out")


@dataclass(frozen=True)
class Told:
    """One sentence of an answer under one circumstance."""

    half: int
    """0 where the line was chosen, else 1."""
    circumstance: str
    how: Carried
    text: str


def run(house: House) -> list[Row]:
    house.add_embedding_model()
    company = Company.found()
    rows: list[Row] = []
    with remembered():
        for question_set in question_sets():
            if answers := _answers(question_set.name):
                rows += figures(question_set.name, list(told_of(company, question_set, answers)))
    if said := what_is_missing():
        print(said)
    return rows


def figures(name: str, told: Sequence[Told]) -> list[Row]:
    """Of each half how often sentences are marked, and precision and recall of the marks where the halves are equal."""
    rows: list[Row] = []
    for half, said in enumerate(HALVES):
        mine = [one for one in told if one.half == half]
        marked = {of: _marked(mine, of) for of in (WITH, WITHOUT, ALTERED)}
        for of, (count, among) in marked.items():
            goal = None if of == ALTERED else Goal("value", 0.2 if of == WITH else 0.7, of != WITH)
            if among:
                rows.append(
                    Row(f"{name}, {said}: marked {of} (of {among} sentences)", [count / among], "of 1", goal=goal)
                )
        (false, supported), (true, _) = marked[WITH], marked[WITHOUT]
        if true and supported:
            rows.append(Row(f"{name}, {said}: precision of a mark", [true / (true + false)], "of 1"))
    return rows


def _marked(told: Sequence[Told], circumstance: str) -> tuple[int, int]:
    mine = [one for one in told if one.circumstance == circumstance]
    return sum(not is_supported(one.how) for one in mine), len(mine)


def told_of(company: Company, question_set: QuestionSet, answers: Sequence[str]) -> Iterator[Told]:
    """Every sentence of every answer whose passages are found, under each circumstance."""
    with tempfile.TemporaryDirectory() as folder:
        question_set.write(Path(folder))
        company.bring_in_folder(Path(folder), question_set.name)
    source = Source.objects.get(name=question_set.name)
    published = Document.objects.filter(source=source, state=Document.State.PUBLISHED)
    texts = {one.key: version.text for one in published if (version := one.published_version())}
    keys = {str(one.pk): one.key for one in published}
    for number, (asked, answer) in enumerate(zip(question_set.asked(texts), answers, strict=True)):
        found = search(user=company.keeper, query=asked.question, limit=DEPTH, source_ids=[source.pk])
        right = [one for one in found if _is_wanted(asked, one, keys)]
        others = [one for one in found if one not in right][:EVIDENCE_COUNT]
        if not all(any(_brings(one, wanted, keys) for one in right) for wanted in asked.wanted):
            continue
        evidence = [*right, *others][:EVIDENCE_COUNT]
        claims = [bare(answer, one) for one in claims_in(answer)]
        changed = [altered for one in claims if (altered := _altered(one, evidence)) != one]
        for circumstance, sentences, passages in (
            (WITH, claims, evidence),
            (WITHOUT, claims, others),
            (ALTERED, changed, evidence),
        ):
            for how, text in zip(carried(sentences, passages, asked.question), sentences, strict=True):
                yield Told(number % 2, circumstance, how, text)


def _is_wanted(asked: Asked, one: Found, keys: dict[str, str]) -> bool:
    return any(_brings(one, wanted, keys) for wanted in asked.wanted)


def _brings(one: Found, wanted: Sequence[object], keys: dict[str, str]) -> bool:
    shown = [
        Shown(keys[str(one.document_id)], one.text[part.start - one.start : part.end - one.start], part.start, part.end)
        for part in one.passages()
    ]
    return any(each.answers(answer) for each in shown for answer in wanted)  # type: ignore[arg-type]


def _altered(sentence: str, evidence: Sequence[Found]) -> str:
    """With every number changed to the next one that stands nowhere in the evidence."""
    known = frozenset().union(*(numbers_in(one.text) for one in evidence))

    def other(match: re.Match[str]) -> str:
        number = int(match[0]) + 1
        while str(number) in known:
            number += 1
        return str(number)

    return re.sub(r"(?<![\d.,])\d{1,6}(?![\d.,]*\d)", other, sentence)


def _answers(name: str) -> list[str]:
    """The answers of a set in the order of its questions; none where it has none in sentences."""
    if name == "demo":
        questions = json.loads((DEMO / "questions.json").read_text())
        return [f"{one['answer_contains'].rstrip('.')}." for one in questions]
    if name == "claude-docs":
        questions = json.loads((Path(os.environ["BENCH_DATA"]) / name / "questions.json").read_text())
        return [one["correct_answer"] for one in questions]
    return []
