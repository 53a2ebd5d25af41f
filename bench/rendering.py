"""What drawing an answer costs while it is written, against drawing it once when it is whole.

Answers of about 20 KB come as a model writes them, word by word and sign by sign, at 50 tokens a second. What has come
is drawn once a frame: each 33 ms when one answer is written, each 77 ms when 64 are (see decision 0017), so one token
or two, or four. Counted is the processor time of all that a socket needs of a frame: taking the text in, drawing the
open block, finding what is new in it. Formulas that were set are remembered, so that memory is emptied before each run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial

from app.web.frames import frame_seconds
from app.web.markdown import Growing, formulas, render
from bench.harness import Goal, Row, interleaved
from chat.socket.insertions import insertion

SIZE = 20_000
PACE = 50  # tokens a second
CROWDS = (1, 64)
TIMES_ONCE = 5
LINKS = {number: f"/knowledge/passages/{number}/?start=1&end=2" for number in range(1, 9)}
GOAL = Goal("ratio", 3.0)
# About as models' tokens are: a word with the blank before it, in two if it is long; up to three digits or signs.
TOKEN = re.compile(r" ?[^\W\d_]{1,8}|\d{1,3}| ?[^\w\s]{1,3}|\s|_")

PROSE = (
    "A full-time employee has **27 days** of annual leave; who works part-time has a share of them [1]. Requests go "
    "through the *leave calendar*, at least two weeks ahead, and the manager answers within three working days [2]. "
)
# NN is another number each time, so that no formula comes twice.
SAMPLES = {
    "prose": f"{PROSE * 3}\n\n## What comes next\n\nAsk `people@example.org`, or see [the handbook](/k/1).\n\n",
    "lists": (
        "- **Annual leave**: 27 days, of which 5 may be carried over until March [1]\n"
        "- Part-time work: a share of them, rounded up to `half` a day [2]\n"
        "  - four days a week: 21.6 days\n"
    ),
    "tables": (
        "| NN | Full time, first year | 27 | **from** January [1] |\n"
        "| NNb | Part time, all others | 16.2 | see the calendar [2] |\n"
    ),
    "code": (
        "def leave_of(person: Person, year: int) -> float:\n"
        '    """Days of leave in a year."""\n'
        "    share = person.hours / FULL_TIME  # never more than 1\n"
        "    return round(27 * min(share, 1.0) * 2) / 2\n\n"
    ),
    "maths": (
        "With $h_{NN}$ hours a week the share is $s = \\frac{h_{NN}}{40}$, so the days are\n\n"
        "$$\nd_{NN} = \\left\\lceil 27 \\cdot \\min(s, 1) \\right\\rceil + \\sum_{i=1}^{NN} c_i\n$$\n\n"
    ),
}
HEADS = {"tables": "| No | Who | Days | Since |\n|---|:---|---:|---|\n", "code": "```python\n"}
FEET = {"code": "```\n"}
# What is left to the parser: it is in the mixed answer too, and alone it shows what these cost.
OTHERS = (
    "> Who leaves during a year has a *share* of the days,\n> rounded up.[^NN]\n\n"
    "1. **Ask** your manager.\n\n   In writing, at least two weeks ahead [1].\n\n2. Enter the days in the calendar.\n\n"
    "- [x] asked\n- [ ] entered, see [the calendar](/k/2)\n\n[^NN]: Section NN of the rules.\n\n"
)


def run(house: None) -> list[Row]:
    rows: list[Row] = []
    for kind, text in texts().items():
        subjects: dict[str, Callable[[], float]] = {"once": partial(_once, text)}
        for crowd in CROWDS:
            seconds = frame_seconds(crowd)
            subjects[f"a frame each {seconds * 1000:.0f} ms"] = partial(_grown, list(_frames(text, seconds)))
        _once(text)  # the first one loads lexers and tables of symbols
        times = interleaved(subjects)
        once = times.pop("once")
        rows += [Row(f"{kind}, {name}", runs, "ms", "drawn once", once, GOAL) for name, runs in times.items()]
    return rows


def texts() -> dict[str, str]:
    """About 20 KB of each kind."""
    kinds = {kind: HEADS.get(kind, "") + _repeated(sample) + FEET.get(kind, "") for kind, sample in SAMPLES.items()}
    parts = [HEADS.get(kind, "") + sample + FEET.get(kind, "\n") for kind, sample in SAMPLES.items()]
    return kinds | {
        "mixed": _repeated("".join([*parts, OTHERS])),
        "quotes, loose lists, tasks, notes": _repeated(OTHERS),
    }


def _repeated(sample: str) -> str:
    parts, size = [""], 0
    while size < SIZE:
        parts.append(sample.replace("NN", str(len(parts))))
        size += len(parts[-1])
    return "".join(parts)


def _frames(text: str, seconds: float) -> Iterator[str]:
    """What comes in each frame."""
    tokens = TOKEN.findall(text)
    assert "".join(tokens) == text
    sent = frame = 0
    while sent < len(tokens):
        frame += 1
        until = int(frame * seconds * PACE)
        if until > sent:
            yield "".join(tokens[sent:until])
            sent = until


def _once(text: str) -> float:
    begin, spent = time.process_time(), 0.0
    for _ in range(TIMES_ONCE):
        formulas.mathml.cache_clear()
        begin = time.process_time()
        render(text, LINKS)
        spent += time.process_time() - begin
    return spent / TIMES_ONCE * 1000


def _grown(frames: list[str]) -> float:
    formulas.mathml.cache_clear()
    begin = time.process_time()
    growing, closed, text = Growing(dict(LINKS), name="m"), "", ""
    for piece in frames:
        before = growing.open_parts()
        text += piece
        new = growing.add(piece)
        closed += new
        if not new:
            insertion(before, growing.open_parts())
    growing.finish(text, closed)
    growing.open_html()
    return (time.process_time() - begin) * 1000
