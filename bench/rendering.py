"""What drawing an answer costs while it is written, against drawing it once when it is whole.

Answers of 20 KB come in tokens of four characters. What a socket draws is the open block after each frame; with 64
answers of 50 tokens a second a frame holds four tokens (see decision 0017). Drawing after each single token is what an
answer costs that is alone and slow. Formulas that were set are remembered, so that memory is emptied before each run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from app.web.markdown import Growing, formulas, render
from bench.harness import Goal, Row, interleaved

SIZE = 20_000
TOKEN = 4
TOKENS_A_FRAME = 4
LINKS = {number: f"/knowledge/passages/{number}/?start=1&end=2" for number in range(1, 9)}
GOAL = Goal("ratio", 3.0)

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


def run(house: None) -> list[Row]:
    rows: list[Row] = []
    for kind in SAMPLES:
        text = text_of(kind)
        subjects: dict[str, Callable[[], float]] = {
            "once": partial(_once, text),
            f"in frames of {TOKENS_A_FRAME} tokens": partial(_grown, text, TOKEN * TOKENS_A_FRAME),
            "token by token": partial(_grown, text, TOKEN),
        }
        _once(text)  # the first one loads lexers and tables of symbols
        times = interleaved(subjects)
        once = times.pop("once")
        rows += [Row(f"{kind}, {name}", runs, "ms", "drawn once", once, GOAL) for name, runs in times.items()]
    return rows


def text_of(kind: str) -> str:
    """About 20 KB of one kind."""
    parts, size = [HEADS.get(kind, "")], 0
    while size < SIZE:
        parts.append(SAMPLES[kind].replace("NN", str(len(parts))))
        size += len(parts[-1])
    return "".join(parts) + FEET.get(kind, "")


def _once(text: str) -> float:
    formulas.mathml.cache_clear()
    begin = time.perf_counter()
    render(text, LINKS)
    return (time.perf_counter() - begin) * 1000


def _grown(text: str, step: int) -> float:
    formulas.mathml.cache_clear()
    begin = time.perf_counter()
    growing, closed = Growing(dict(LINKS)), ""
    for at in range(0, len(text), step):
        closed += growing.add(text[at : at + step])
        growing.open_html()
    growing.finish(text, closed)
    growing.open_html()
    return (time.perf_counter() - begin) * 1000
