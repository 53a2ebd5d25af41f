"""The process that reads files for Parley: ``python -m knowledge.extraction``.

It takes one JSON line per file from standard input and answers with one. Every file is read in a fork of its
own, which has seen no other file, is limited, and is killed when its time is over; starting an interpreter for
each would cost more than most files. The process itself opens no file: it only imports the reader that the next
fork will need, once. It ends when its input does, or with the process that started it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from knowledge.extraction.confinement import ConfinedError, die_with_parent, leave_network, limit, refuse_outside
from knowledge.extraction.formats import format_of
from knowledge.extraction.ocr import SURROUNDINGS, find_program
from knowledge.extraction.types import SIGN_OF_LIFE, ExtractionError, Limits

_PIECE = 1 << 20
_TOO_MUCH = "It needs more memory than one document may have."
_TOO_LONG = "Reading it took longer than one document may take."
_READERS = {"draw": "drawing", "shrink": "shrinking"}  # of deeds that do not go by the file's name


def main() -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    SURROUNDINGS.program = find_program()
    SURROUNDINGS.before_start = die_with_parent
    leave_network()
    refuse_outside(SURROUNDINGS.program)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _import_reader(request)
        answer = _answer_in_fork(request, Limits(**request.pop("limits")))
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()


def _answer_in_fork(request: dict[str, Any], limits: Limits) -> bytes:
    """The child's answer as JSON, or the reason why there is none."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        _be_the_child(request, limits, send)
    os.close(send)
    try:
        answer = _receive(receive, limits)
    finally:
        os.close(receive)
        _kill(child)
        _, status = os.waitpid(child, 0)
    if answer is None:
        return _refusal(_TOO_LONG, may_pass=True)
    if answer.strip() and answer.endswith(b"\n"):
        return answer.strip()
    return _refusal(_TOO_LONG if _ran_out_of_time(status) else "Reading it broke the reader.", may_pass=True)


def _import_reader(request: dict[str, Any]) -> None:
    """Import what will read the file here, once, before the fork: code of ours and of libraries, and no file yet."""
    with contextlib.suppress(ExtractionError, ImportError):
        if module := _READERS.get(request["do"]):
            import_module(f"knowledge.extraction.{module}")
        else:
            format_of(request["name"]).reader()
    gc.freeze()


def _kill(child: int) -> None:
    """The child with the program it may have started: it leads a group of processes of its own."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(child, signal.SIGKILL)


def _receive(pipe: int, limits: Limits) -> bytes | None:
    """Everything the child writes, or None when it is not done in time.

    A sign of life from a child that reads picture after picture gives it more time, and is passed on.
    """
    pieces: list[bytes] = []
    size = 0
    now = time.monotonic()
    until, latest = now + limits.wall_seconds, now + max(limits.wall_seconds, limits.ocr_seconds + 10)
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return None
        piece = os.read(pipe, _PIECE)
        if not piece or size > limits.text_characters * 8:
            return b"".join(pieces)
        if pieces or piece.strip(SIGN_OF_LIFE):
            pieces.append(piece)
            size += len(piece)
            continue
        until = min(time.monotonic() + limits.wall_seconds, latest)
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _ran_out_of_time(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU


def _be_the_child(request: dict[str, Any], limits: Limits, send: int) -> NoReturn:
    os.setpgid(0, 0)
    die_with_parent()
    SURROUNDINGS.still_working = lambda: os.write(send, SIGN_OF_LIFE)
    try:
        limit(limits)
        answer = _answer(request, limits)
    except MemoryError:
        answer = _refusal(_TOO_MUCH, may_pass=False)
    with os.fdopen(send, "wb") as pipe:
        pipe.write(answer + b"\n")
    os._exit(0)


def _answer(request: dict[str, Any], limits: Limits) -> bytes:
    try:
        return json.dumps(_DEEDS[request.pop("do")](limits=limits, **request)).encode()
    except ExtractionError as error:
        return _refusal(error.reason, may_pass=error.may_pass)
    except RecursionError:
        return _refusal("It is nested deeper than any document that people write.", may_pass=False)
    except ConfinedError as error:
        return _refusal(str(error), may_pass=False)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a parser does with a hostile file must end as a reason
        return _refusal(f"It is damaged, or not what its name says ({type(error).__name__}).", may_pass=False)


def _extract(*, path: str, name: str, limits: Limits) -> dict[str, Any]:
    return {"extracted": format_of(name).reader()(Path(path), limits).to_json()}


def _draw(*, limits: Limits, path: str, **wanted: Any) -> dict[str, Any]:
    from knowledge.extraction.drawing import draw  # brings a parser along: only where one is needed

    return {"drawn": draw(Path(path), **wanted).to_json()}


def _shrink(*, limits: Limits, path: str, sides: list[int]) -> dict[str, Any]:
    from knowledge.extraction.shrinking import shrink

    return {"shrunk": [one.to_json() for one in shrink(Path(path), sides)]}


_DEEDS: dict[str, Callable[..., dict[str, Any]]] = {"extract": _extract, "draw": _draw, "shrink": _shrink}


def _refusal(reason: str, *, may_pass: bool) -> bytes:
    return json.dumps({"reason": reason, "may_pass": may_pass}).encode()


main()
