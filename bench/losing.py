"""What is lost when a model server is killed while it writes, and how soon one stops that nobody waits for any more.

Through a whole Parley and its socket, over real vLLM servers. A conversation counts as lost when its answer neither
ended well nor was kept as far as it had been read, or when it cannot go on afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence

import aiohttp
import orjson

from app.inference.models import Model
from bench.harness import BenchError, Goal, Row
from bench.house import House
from bench.people import Line, add_people, new_lines
from bench.talking import Answer, ask, next_event, open_line, read_to_end, send
from bench.vllm import Fleet, Server
from chat.models import Assistant

CONVERSATIONS = 20
ANSWER_TOKENS = 150
ENDLESS_TOKENS = 1500
STOPS = 4
LONGEST_SECONDS = 60.0
STOP_GOAL_SECONDS = 2.0
LOOK_SECONDS = 0.02
AWAY = 1001  # the websocket close code of a browser whose tab is closed
STORY = "Tell a very long story about a train that goes around the world, with every stop it makes."


def run(house: House, fleet: Fleet, model_name: str) -> list[Row]:
    model = Model.objects.get(name=model_name)
    columns = {"mode": "generate", "model": model, "searches": False, "is_for_everyone": True, "is_default": False}
    columns["repeats_answers"] = False  # every answer is to come from the model
    talker = Assistant.objects.create(slug="talker", name="Talker", max_tokens=ANSWER_TOKENS, **columns)
    teller = Assistant.objects.create(slug="teller", name="Teller", max_tokens=ENDLESS_TOKENS, **columns)
    people = add_people(CONVERSATIONS)
    with house.web("uvicorn") as (port, _):
        stopped = [asyncio.run(_stop(line, fleet, _ask_to_stop)) for line in new_lines(port, people[:STOPS], teller)]
        left = [asyncio.run(_stop(line, fleet, _close_tab)) for line in new_lines(port, people[:STOPS], teller)]
        kill_rows = asyncio.run(_lose_one(new_lines(port, people, talker), fleet))
    goal = Goal("value", STOP_GOAL_SECONDS)
    return [
        Row("stop: until no request runs on the servers", stopped, "s", goal=goal),
        Row("closed tab: until no request runs on the servers", left, "s", goal=goal),
        *kill_rows,
    ]


# --- stopping ------------------------------------------------------------------------------------------------------

Leave = Callable[[aiohttp.ClientWebSocketResponse, Answer], Coroutine[None, None, None]]


async def _stop(line: Line, fleet: Fleet, leave: Leave) -> float:
    """Seconds from leaving an answer that is being written to the moment when no server runs anything."""
    answer = Answer()
    async with aiohttp.ClientSession() as session, open_line(session, line) as socket:
        await send(socket, type="ask", text=STORY)
        while len(answer.text) < 40:
            answer.note(await next_event(socket))
        if not await _running(session, fleet.servers):
            raise BenchError("The answer ended before it could be stopped: the model says little.")
        begun = time.monotonic()
        leaving = asyncio.create_task(leave(socket, answer))
        while await _running(session, fleet.servers):
            if time.monotonic() - begun > LONGEST_SECONDS:
                raise BenchError("The server never stopped.")
            await asyncio.sleep(LOOK_SECONDS)
        seconds = time.monotonic() - begun
        await leaving
        return seconds


async def _ask_to_stop(socket: aiohttp.ClientWebSocketResponse, answer: Answer) -> None:
    await send(socket, type="stop", message_id=answer.message_id)
    await read_to_end(socket, answer)


async def _close_tab(socket: aiohttp.ClientWebSocketResponse, _answer: Answer) -> None:
    await socket.close(code=AWAY)


async def _running(session: aiohttp.ClientSession, servers: Sequence[Server]) -> float:
    return sum([(await server.figures_by(session)).running for server in servers])


# --- killing -------------------------------------------------------------------------------------------------------


async def _lose_one(lines: Sequence[Line], fleet: Fleet) -> list[Row]:
    """Kill a server once half of the answers have begun; go on with every conversation, without it and with it."""
    async with aiohttp.ClientSession() as session:
        half = asyncio.Semaphore(0)
        asking = [asyncio.create_task(ask(session, line, STORY, half.release)) for line in lines]
        for _ in range(len(lines) // 2):
            await half.acquire()
        fleet.kill(0)
        killed_at = time.monotonic()
        answers = await asyncio.gather(*asking)
        kept = [await _is_kept(session, line, answer) for line, answer in zip(lines, answers, strict=True)]
        broken = [(line, answer) for line, answer in zip(lines, answers, strict=True) if answer.state != "done"]
        continued = await asyncio.gather(*(_go_on(session, line, answer) for line, answer in broken))
        followed = await asyncio.gather(*(ask(session, line, STORY) for line in lines))
        fleet.restart(0)
        back = await asyncio.gather(*(ask(session, line, STORY) for line in lines))
    count = len(lines)
    lost = sum(not (good and after.state == "done") for good, after in zip(kept, followed, strict=True))
    return [
        Row("a server killed: answers ended well all the same", [_done(answers)], f"of {count}"),
        Row("a server killed: interrupted, their text kept", [len(broken)], f"of {count}"),
        Row("of them, went on to their end when continued", [sum(continued)], f"of {len(broken)}"),
        Row("a server killed: conversations lost", [lost], f"of {count}", goal=Goal("value", 0)),
        Row("a server killed: until the last answer ended", [max(a.ended_at for a in answers) - killed_at], "s"),
        Row("next questions answered without it", [_done(followed)], f"of {count}", goal=_all(count)),
        Row("questions answered after it came back", [_done(back)], f"of {count}", goal=_all(count)),
    ]


def _done(answers: Sequence[Answer]) -> int:
    return sum(answer.state == "done" for answer in answers)


def _all(count: int) -> Goal:
    return Goal("value", count, at_least=True)


async def _go_on(session: aiohttp.ClientSession, line: Line, broken: Answer) -> bool:
    """Whether "continue" brings the rest of a broken answer, after the text that had been read."""
    answer = Answer()
    async with open_line(session, line) as socket:
        await send(socket, type="continue", message_id=broken.message_id)
        with contextlib.suppress(BenchError):  # refused: it did not go on
            await read_to_end(socket, answer)
    return answer.state == "done" and answer.text.startswith(broken.text) and answer.text != broken.text


async def _is_kept(session: aiohttp.ClientSession, line: Line, answer: Answer) -> bool:
    """Whether an answer is kept exactly as its reader saw it, and its state is one that can go on."""
    url = f"http://127.0.0.1:{line.port}/api/v1/messages/{answer.message_id}"
    async with session.get(url, headers=line.headers) as response:
        row = orjson.loads(await response.read())
    is_same = row["text"] == answer.text and row["state"] == answer.state
    return is_same and (answer.state == "done" or (answer.state == "interrupted" and bool(answer.text)))
