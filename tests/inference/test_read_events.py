"""Server-sent events come out the same however the network cuts them."""

import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.calling.sse import DONE, LONGEST_LINE, EventReader
from app.inference.errors import BrokenStreamError

EVENTS = [{"n": 1, "text": "Grüße, 日本 🎉"}, {"n": 2, "text": 'a "quoted"\nline'}, {"n": 3}]


def read(pieces: list[bytes]) -> list[object]:
    reader = EventReader()
    return [event for piece in [*pieces, b"\n"] for event in reader.feed(piece)]


def stream(line_break: bytes = b"\n") -> bytes:
    lines = [b": a comment", b"event: message", b"id: 7", b"retry: 10", b"data without a colon"]
    for event in EVENTS:
        lines += [b"data: " + orjson.dumps(event), b""]
    return line_break.join([*lines, b"data:[DONE]", b"", b""])


@given(cuts=st.lists(st.integers(0, len(stream(b"\r\n")))), line_break=st.sampled_from([b"\n", b"\r\n"]))
def test_any_split_gives_the_same_events(cuts: list[int], line_break: bytes) -> None:
    whole = stream(line_break)
    edges = [0, *sorted(cuts), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(edges)]
    assert read(pieces) == [*EVENTS, DONE]


def test_byte_by_byte_gives_the_same_events() -> None:
    assert read([bytes([byte]) for byte in stream()]) == [*EVENTS, DONE]


def test_a_last_line_without_a_break_is_an_event() -> None:
    assert read([b'data: {"n": 1}\n\ndata: {"n": 2}']) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("line", [b"data: {\n", b"data: \xff\xfe\n", b"data: [1]\n", b"data: NaN\n", b"data:\n"])
def test_what_is_not_a_json_object_is_an_error(line: bytes) -> None:
    with pytest.raises(BrokenStreamError):
        read([line])


def test_events_before_a_broken_one_are_not_lost() -> None:
    events = EventReader().feed(b'data: {"n": 1}\n\ndata: {broken\n\n')
    assert next(events) == {"n": 1}
    with pytest.raises(BrokenStreamError):
        next(events)


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_a_line_over_1_mib_is_an_error(ending: bytes) -> None:
    with pytest.raises(BrokenStreamError):
        read([b"data: " + b"x" * (LONGEST_LINE + 1) + ending])


@given(st.binary(max_size=400))
def test_any_bytes_give_events_or_the_one_error(data: bytes) -> None:
    try:
        for event in read([data]):
            assert event is DONE or isinstance(event, dict)
    except BrokenStreamError:
        pass
