"""An answer whose process died: end it honestly, or let it be written again.

Its row is made whole from what Valkey still knows, since readers may have seen more than the last checkpoint. If any
text was shown it is kept and the answer is interrupted; if nothing was shown nobody can tell that it is written twice.
"""

from __future__ import annotations

from typing import Any

from app.web.threads import in_thread
from chat.composing import briefing
from chat.composing.evidence import Card
from chat.models import Message
from chat.streaming.copies import read_copies
from chat.streaming.events import Event
from chat.streaming.streams import Stream
from chat.writing import metering
from chat.writing.generation import Run


async def take_over(message: Message, stream: Stream) -> bool:
    """Mend a claimed answer that had an owner before. True when it has to be written again."""
    for event in await read_copies(message.id, message.log[-1][0] if message.log else 0):
        _relive(message, event)
    if not message.text:
        return True
    run = Run(message, stream)
    await run.outlet.retell()
    run.brief = await in_thread(briefing.load, message)
    run.cards = [Card.from_json(data) for data in message.evidence]
    run.outcome.mode = run.brief.assistant.mode
    run.outcome.model_name, run.outcome.meter = metering.of_lost(run.brief, message.text)
    run.outcome.state = Message.State.INTERRUPTED
    run.outcome.error_code = "interrupted"
    run.outcome.error = "The server that wrote this went away. What it had written is kept."
    await run.settle()
    return False


def _relive(message: Message, event: Event) -> None:
    """Put an event that only Valkey still knew back into the row's story."""
    value: Any = None
    if event.type == "delta":
        message.text += event.data["text"]
        value = len(message.text)
    elif event.type == "status":
        value = event.data
    message.log.append([event.seq, event.type, value])
