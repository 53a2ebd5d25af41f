"""Simulated servers serve everybody once and alike in every run; Parley's way leaves conversations where they were."""

from __future__ import annotations

import random
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import routing
from bench.drawing import Plot, draw_plots, round_marks
from bench.simulation import SLOTS, Crowd, Request, Simulation, draw

SMALL = Crowd(conversations=60, requests=800)


def play(router, servers: int = 4):
    random.seed(5)
    return Simulation(router, servers).run(draw(SMALL, load=0.7, servers=servers))


@pytest.mark.parametrize("name", routing.ROUTERS)
def test_every_question_is_served_once(name):
    outcome = play(routing.parley(range(4)) if name == routing.OURS else routing.ROUTERS[name]())
    assert len(outcome.waits) == SMALL.requests
    assert min(outcome.waits) >= 0
    assert outcome.known_tokens == sum(request.known_tokens for request in draw(SMALL, load=0.7, servers=4))
    assert 0 < outcome.hits_of_ideal < 1
    assert sum(outcome.busy_seconds) > 0


def test_a_second_run_gives_the_same_figures():
    first, second = play(routing.parley(range(4))), play(routing.parley(range(4)))
    assert first == second


def test_affinity_finds_more_in_caches_than_turns_do():
    assert play(routing.parley(range(4))).hits_of_ideal > play(routing.round_robin()).hits_of_ideal


def test_one_server_alone_finds_all_that_is_known():
    requests = [Request(at=60.0 * turn, conversation=1, known_tokens=300 * turn, answer_tokens=10) for turn in range(5)]
    assert Simulation(routing.least_outstanding(), 1).run(requests).hits_of_ideal == 1


def test_who_finds_every_server_full_waits_in_order():
    requests = [Request(at=0.001 * n, conversation=n, known_tokens=0, answer_tokens=100) for n in range(SLOTS + 2)]
    waits = Simulation(routing.round_robin(), 1).run(requests).waits
    assert waits[:SLOTS] == [0] * SLOTS
    assert all(wait > 1 for wait in waits[SLOTS:])


def test_losing_a_server_moves_only_its_own_conversations():
    share, needless = routing._loss_rows()
    assert 0 < share.value < 2 / routing.SERVERS
    assert needless.value == 0


def test_a_plot_has_its_lines_and_says_what_it_shows(tmp_path: Path):
    path = tmp_path / "plot.svg"
    lines = {"this & that": [0.5, 0.7], "other": [0.1, 0.9]}
    draw_plots(path, [Plot("Hits", "load", "of 1", [0.5, 0.9], lines, top=1.0)], "What it <shows>.")
    picture = ElementTree.fromstring(path.read_text())
    space = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f".//{space}polyline")) == 2
    assert picture.findtext(f"{space}desc") == "What it <shows>."
    assert "this & that" in [text.text for text in picture.iter(f"{space}text")]


@pytest.mark.parametrize("high", [0.03, 0.95, 1.0, 1.25, 7, 432])
def test_an_axis_has_a_few_round_marks(high):
    marks = round_marks(high)
    assert marks[0] == 0
    assert marks[-1] >= high
    assert 3 <= len(marks) <= 8
