"""A benchmark's rows say what was measured, against what, and whether the goal is met."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS
from bench.harness import BenchError, Goal, Row, interleaved, quantile, run_parts, save


def test_a_row_is_the_median_of_its_runs_and_the_median_of_their_ratios():
    row = Row("CPU", [30, 10, 20], "µs", "nginx", [10, 10, 5], Goal("ratio", 2.5))
    assert row.as_json() == {
        "name": "CPU",
        "value": 20,
        "unit": "µs",
        "against": "nginx: 10.0",
        "ratio": 3,
        "goal": "ratio ≤ 2.5",
        "met": False,
        "min": 10,
        "max": 30,
        "runs": 3,
    }


def test_runs_without_partners_are_compared_by_their_medians():
    assert Row("CPU", [30, 10, 20], "µs", "nginx", [10]).ratio == 2


def test_a_row_without_anything_to_be_held_against_has_no_ratio():
    row = Row("lost", [0], "tokens", goal=Goal("value", 0)).as_json()
    assert (row["ratio"], row["met"]) == (None, True)
    assert Row("hit", [0.5], "of 1", "nothing", [0]).ratio is None
    assert Row("hit", [0.5], "of 1", goal=Goal("ratio", 1)).as_json()["met"] is None


@pytest.mark.parametrize(("ratio", "met"), [(0.89, False), (0.9, True)])
def test_a_goal_can_be_a_least(ratio, met):
    goal = Goal("ratio", 0.9, at_least=True)
    assert str(goal) == "ratio ≥ 0.9"
    assert Row("passages", [ratio], "1/s", "alone", [1.0], goal).as_json()["met"] is met


def test_subjects_take_turns_and_every_other_round_goes_backwards():
    turns: list[str] = []
    results = interleaved({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, times=3)
    assert turns == ["a", "b", "b", "a", "a", "b"]
    assert results == {"a": [None] * 3, "b": [None] * 3}


def test_quantiles_of_nothing_are_refused():
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile([3, 1, 2], 0.99) == 3
    with pytest.raises(BenchError):
        quantile([], 0.5)


def test_rows_are_written_with_the_machine(tmp_path: Path):
    path = save(tmp_path / "bench", "audit", {"cores": 2}, [Row("events", [5], "1/s")])
    assert path == tmp_path / "bench" / "audit.json"
    written = json.loads(path.read_text())
    assert written["machine"] == {"cores": 2}
    assert [row["name"] for row in written["rows"]] == ["events"]
    assert list(path.parent.iterdir()) == [path]


def test_an_unknown_name_is_refused_with_the_names_there_are():
    ended = subprocess.run([sys.executable, "-m", "bench", "speed"], capture_output=True, text=True, timeout=240)
    assert ended.returncode == 2
    assert "'speed'" in ended.stderr
    for name in BENCHMARKS:
        assert name in ended.stderr


def test_parts_can_be_chosen_and_an_unknown_one_is_refused(monkeypatch: pytest.MonkeyPatch):
    parts = {name: lambda name=name: [Row(name, [1], "s")] for name in ("hits", "losing")}
    monkeypatch.delenv("BENCH_PARTS", raising=False)
    assert [row.name for row in run_parts(parts)] == ["hits", "losing"]
    monkeypatch.setenv("BENCH_PARTS", "losing")
    assert [row.name for row in run_parts(parts)] == ["losing"]
    monkeypatch.setenv("BENCH_PARTS", "losing,speed")
    with pytest.raises(BenchError, match="speed; there are hits, losing"):
        run_parts(parts)
