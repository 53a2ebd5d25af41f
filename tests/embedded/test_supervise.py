"""What the supervisor promises of starting again and of leaving nothing behind, with real processes and signals."""

import signal
import subprocess

import pytest

from tests.embedded.conftest import House, lives, wait_for

SMALL = ("-m", "tests.embedded.small_house")


def start(house: House, *parts: str) -> subprocess.Popen[bytes]:
    process = house.start(*SMALL, *parts)
    wait_for(lambda: "everything runs" in house.said())
    return process


def test_lines_are_told_apart_on_the_terminal_and_in_files(house: House) -> None:
    process = start(house, "plain", "family")
    wait_for(lambda: "child is up" in house.said() and "plain is up" in house.said())
    assert "plain    | plain is up" in house.said().splitlines()
    assert (house.folder.logs / "plain.log").read_text().endswith(" plain is up\n")
    assert "child is up" not in (house.folder.logs / "plain.log").read_text()
    process.terminate()
    assert process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_however_it_ends_nothing_is_left(house: House, number: signal.Signals) -> None:
    process = start(house, "plain", "family", "deaf")
    wait_for(lambda: "child is up" in house.said() and "deaf is up" in house.said())
    assert len(house.processes()) >= 7
    process.send_signal(number)
    process.wait(10)
    wait_for(lambda: not house.processes())


def test_a_part_that_dies_is_started_again_without_the_rest_of_its_family(house: House) -> None:
    process = start(house, "plain", "family")
    wait_for(lambda: "child is up" in house.said())
    first = house.find("& wait")
    family = [first, *first.children()]
    first.kill()
    wait_for(lambda: house.said().count("child is up") == 2)
    assert not any(lives(member) for member in family)
    assert "family ended (ended by SIGKILL); starting it again" in house.said()
    process.terminate()
    process.wait(10)


def test_a_part_that_keeps_dying_brings_everything_down_with_its_last_words(house: House) -> None:
    process = start(house, "plain", "broken")
    assert process.wait(30) == 1
    assert "broken does not stay up (exit status 7). Its last words:\n  this cannot work" in house.said()
    assert not house.processes()


def test_a_second_one_on_the_same_folder_is_refused(house: House) -> None:
    first = start(house, "plain")
    second = house.start(*SMALL, "plain")
    assert second.wait(10) == 1
    assert f"Parley already runs on {house.folder.root} (process {first.pid}, small)" in house.said()
    first.terminate()
    first.wait(10)


def test_a_new_one_waits_until_a_killed_one_is_cleaned_up(house: House) -> None:
    first = start(house, "deaf")
    wait_for(lambda: "deaf is up" in house.said())
    old = house.find("deaf is up")
    first.kill()
    first.wait(10)
    second = house.start(*SMALL, "plain")
    wait_for(lambda: house.said().count("everything runs") == 2)
    assert not lives(old)
    second.terminate()
    second.wait(10)


def test_a_killed_guardian_is_replaced(house: House) -> None:
    process = start(house, "plain", "deaf")
    guardian = house.find("guardian.py")
    guardian.kill()
    wait_for(lambda: [each for each in house.processes() if "guardian.py" in " ".join(each.cmdline())])
    assert house.find("guardian.py") != guardian
    process.kill()
    process.wait(10)
    wait_for(lambda: not house.processes())
