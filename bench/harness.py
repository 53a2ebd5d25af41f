"""Rows of a benchmark: medians of interleaved runs, what they are held against, and whether a goal is met.

Ratios are taken run by run, because two figures measured a second apart on one machine can be compared and two
absolute figures of different days cannot. Nothing here fails on a figure: a benchmark reports.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil
from rich.console import Console
from rich.table import Table

from app.errors import ParleyError

T = TypeVar("T")


class BenchError(ParleyError):
    """A benchmark cannot run; the message says what it needs."""


@dataclass(frozen=True)
class Goal:
    """A limit for a row's value or for its ratio."""

    of: Literal["value", "ratio"]
    limit: float
    at_least: bool = False

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{self.of} {sign} {self.limit:g}"

    def is_met(self, value: float, ratio: float | None) -> bool | None:
        """None when the row has no such figure."""
        figure = value if self.of == "value" else ratio
        if figure is None:
            return None
        return figure >= self.limit if self.at_least else figure <= self.limit


@dataclass(frozen=True)
class Row:
    """One figure over all runs. ``base`` are the runs of what it is held against, named by ``against``."""

    name: str
    runs: Sequence[float]
    unit: str
    against: str = ""
    base: Sequence[float] = ()
    goal: Goal | None = None

    @property
    def value(self) -> float:
        return statistics.median(self.runs)

    @property
    def ratio(self) -> float | None:
        """The median of the runs' own ratios where runs come in pairs, else the ratio of the medians."""
        if not self.base or not all(self.base):
            return None
        if len(self.base) == len(self.runs):
            return statistics.median(mine / other for mine, other in zip(self.runs, self.base, strict=True))
        return self.value / statistics.median(self.base)

    def as_json(self) -> dict[str, Any]:
        ratio = self.ratio
        return {
            "name": self.name,
            "value": _short(self.value),
            "unit": self.unit,
            "against": f"{self.against}: {_short(statistics.median(self.base))}" if self.base else self.against,
            "ratio": None if ratio is None else round(ratio, 3),
            "goal": str(self.goal) if self.goal else None,
            "met": self.goal.is_met(self.value, ratio) if self.goal else None,
            "min": _short(min(self.runs)),
            "max": _short(max(self.runs)),
            "runs": len(self.runs),
        }


def repeats() -> int:
    """How often each thing is measured: BENCH_REPEATS, three unless told otherwise."""
    return max(1, int(os.environ.get("BENCH_REPEATS", "3")))


def run_parts(parts: Mapping[str, Callable[[], list[Row]]]) -> list[Row]:
    """The rows of a long benchmark's parts, each shown as soon as it is measured: of those that BENCH_PARTS names, as
    ``hits,losing``, or of all.

    Raises BenchError for a name there is not.
    """
    wanted = os.environ.get("BENCH_PARTS", ",".join(parts)).split(",")
    if unknown := set(wanted) - set(parts):
        raise BenchError(f"BENCH_PARTS names {', '.join(sorted(unknown))}; there are {', '.join(parts)}.")
    rows: list[Row] = []
    for name in (name for name in parts if name in wanted):
        found = parts[name]()
        show(name, found)
        rows += found
    return rows


def interleaved(subjects: Mapping[str, Callable[[], T]], times: int | None = None) -> dict[str, list[T]]:
    """Measure every subject in turn, round after round, so that what the machine does meanwhile hits all alike.

    Every other round goes backwards, so that nobody gains from coming after somebody.
    """
    results: dict[str, list[T]] = {name: [] for name in subjects}
    for number in range(times or repeats()):
        for name in subjects if number % 2 == 0 else reversed(list(subjects)):
            results[name].append(subjects[name]())
    return results


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which ``part`` (0 to 1) of ``values`` lie. Raises BenchError when there are none."""
    if not values:
        raise BenchError("Nothing was measured: no value came in.")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was with other things before."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def save(folder: Path, name: str, about: dict[str, Any], rows: Sequence[Row]) -> Path:
    """Write ``NAME.json``, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"machine": about, "rows": [row.as_json() for row in rows]}, indent=2) + "\n")
    draft.replace(path)
    return path


def show(name: str, rows: Sequence[Row], console: Console | None = None) -> None:
    """Print the rows as a table."""
    table = Table(title=name, title_justify="left")
    table.add_column("what", overflow="fold")
    for column in ("min", "median", "max", "unit", "against", "ratio", "goal", "met"):
        table.add_column(column, justify="right" if column in ("min", "median", "max", "ratio") else "left")
    for row in rows:
        entry = row.as_json()
        met = {True: "yes", False: "NO", None: ""}[entry["met"]]
        cells = [entry["min"], entry["value"], entry["max"], entry["unit"], entry["against"]]
        ratio = "" if entry["ratio"] is None else f"{entry['ratio']:.2f}"
        table.add_row(row.name, *(str(cell) for cell in cells), ratio, entry["goal"] or "", met)
    (console or Console(width=None if os.isatty(1) else 170)).print(table)


def _short(value: float) -> float:
    """Four digits are more than any of these figures are good for."""
    return float(f"{value:.4g}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
