"""One run: from a claimed question to a settled answer.

The run belongs to the process, not to a reader's socket. It screens the question, finds passages with the reader's
rights, shows them, and then either quotes or has a model write; what is said passes the hold-back window of the policy.
Whatever happens, the run ends in exactly one final transaction.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from app.errors import ParleyError
from app.inference.routing.pool import get_pool
from app.inference.types import CompletionRequest, TextChunk, Usage
from app.web.threads import in_thread
from chat.composing import briefing, grounds, prompts, quotation, repeating
from chat.composing.attribution import supporting
from chat.composing.briefing import Brief
from chat.composing.evidence import Card, cited_in, make_cards
from chat.composing.gathering import FileNotReadyError, find_unread, gather, images_for, text_of_files
from chat.composing.taking_up import Kept, take_up
from chat.models import Assistant, Conversation, Message
from chat.streaming import telling
from chat.streaming.streams import Stream
from chat.streaming.telling import numbers_in
from chat.tasks import hint, name_soon
from chat.writing import finishing, leases
from chat.writing.finishing import Outcome
from chat.writing.outlet import Outlet
from knowledge.keeping.support import support_of
from knowledge.retrieval.found import Found
from knowledge.retrieval.quoting import Quote
from moderation.screening.judging import STRENGTH, HoldBack, screen

log = logging.getLogger(__name__)
State = Message.State

READ_WITHIN_SECONDS = 120.0
LOOK_AGAIN_SECONDS = 0.4
NOTHING_FOUND = (
    "I found nothing about this in the documents you may read. "
    "Try other words, or ask the people who keep the handbook."
)

JUDGED_WITHIN_SECONDS = 10.0
JUDGED = (State.DONE, State.HELD, State.STOPPED)
LEFT = "Nobody was reading this any more, so it was stopped."


class Run:
    """The writing of one answer by this process."""

    def __init__(self, message: Message, stream: Stream, brief: Brief | None = None) -> None:
        self.message = message
        self.outlet = Outlet(message, stream, on_stop=self.stop)
        self.outcome = Outcome(state=State.DONE, text="", log=self.outlet.log)
        self.found: list[Found] = []
        self.quotes: list[Quote] = []
        self.cards: list[Card] = []
        self.images: list[str] = []
        self._begun_at = asyncio.get_running_loop().time()
        self._writing: asyncio.Task[None] | None = None
        self._stopped = False
        self._why_stopped: tuple[str, str] = ("", "")
        self._said = ""
        self._kept = Kept()
        self.brief = brief

    def stop(self, reason: str = "") -> None:
        """End the writing now and keep the text; closes the request to the model server."""
        if self._stopped:
            return
        self._stopped = True
        self._why_stopped = ("left", LEFT) if reason == "left" else ("", "")
        if self._writing and not self._writing.done():
            self._writing.cancel()

    async def write(self) -> None:
        """Write the answer to its end. Raises nothing but cancellation of the process itself."""
        await self.outlet.retell()
        self._writing = asyncio.create_task(self._write())
        if self._stopped:
            self._writing.cancel()
        try:
            await asyncio.shield(self._writing)
        except asyncio.CancelledError:
            if self._stopped:
                self._end(State.STOPPED, *self._why_stopped)
            else:
                self._writing.cancel()
                await asyncio.wait([self._writing])
                self._end(State.INTERRUPTED, "interrupted", "Parley was restarted while this was being written.")
        except leases.LeaseLostError:
            return
        except ParleyError as error:
            self._fail(error.code, error.message)
        except Exception:
            # The last line: whatever broke, the reader is told and the row is settled.
            log.exception("writing %s failed", self.message.id)
            self._fail("failed", "Something broke while this was written. It has been logged; please try again.")
        await self.settle()

    async def _write(self) -> None:
        if self.brief is None:
            self.brief = await in_thread(briefing.load, self.message)
        brief = self.brief
        self.outcome.mode, self.outcome.prompt_id = brief.assistant.mode, brief.assistant.prompt_id
        verdict = screen(brief.question, brief.rules, "question")
        if self.message.continues_id:
            await self._take_up(brief, self.message.continues_id)
        elif verdict.action != "block" and (brief.assistant.searches or brief.has_files):
            await self._find(brief)
        if brief.has_files:
            brought = screen(text_of_files(self.found), brief.rules, "question")
            verdict = max(verdict, brought, key=lambda one: STRENGTH[one.action])
        quoted = self._quotation() if brief.assistant.mode == Assistant.Mode.QUOTE else ""
        verdict = max(verdict, screen(quoted, brief.rules, "answer"), key=lambda one: STRENGTH[one.action])
        if verdict.action == "block":
            self._end(State.BLOCKED, "blocked", verdict.reason)
            return
        self.outcome.verdict = verdict if verdict.action == "hold" else None
        if self.cards:
            await self._show_cards()
        window = HoldBack(brief.rules)
        if quoted:
            await self._say(window, quoted)
        else:
            await self._generate(brief, window)
        await self._judge(window)

    async def _find(self, brief: Brief) -> None:
        if brief.has_files:
            await self._wait_for_files(brief)
        if brief.assistant.searches:
            await self.outlet.status("searching", brief.searched if brief.searched != brief.question else "")
        gathered = await in_thread(gather, brief)
        self.found, self.quotes, self.images = list(gathered.found), list(gathered.quotes), list(gathered.images)
        self.cards = make_cards(self.found, self.quotes)
        self._mark_time("evidence")

    async def _wait_for_files(self, brief: Brief) -> None:
        """Until the conversation's files are read. Raises FileRefusedError, FileNotReadyError when it takes long."""
        until = asyncio.get_running_loop().time() + READ_WITHIN_SECONDS
        told = ""
        while name := await in_thread(find_unread, brief):
            if asyncio.get_running_loop().time() > until:
                raise FileNotReadyError(f"{name} is still being read. Answer again when it is ready.")
            if name != told:
                await self.outlet.status("reading", name)
                told = name
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _take_up(self, brief: Brief, earlier_id: UUID) -> None:
        """The text and the passages of the answer that this one goes on from."""
        self._kept = await in_thread(take_up, earlier_id, reader=brief.reader, source_ids=brief.source_ids)
        self.cards, self.found = list(self._kept.cards), list(self._kept.found)
        self.images = await in_thread(images_for, brief)

    async def _show_cards(self) -> None:
        """Tell the evidence; of a held answer the row alone has it, since quotes on cards would give it away."""
        evidence = [card.as_json() for card in self.cards]
        if self.outcome.verdict:
            self.message.evidence = evidence
        else:
            await self.outlet.evidence(evidence)

    def _quotation(self) -> str:
        """The passages' own sentences, each with its number."""
        said = [
            quotation.say(quote, self.found[quote.found_index], number) for number, quote in enumerate(self.quotes, 1)
        ]
        return "\n\n".join(said) or NOTHING_FOUND

    async def _generate(self, brief: Brief, window: HoldBack) -> None:
        """Let a model of the pool write."""
        await self.outlet.status("writing")
        request = self._request(brief)
        self.outcome.model_name = request.model
        await self._say(window, self._kept.text)
        if await self._repeat(brief, request, window):
            return
        meter = self.outcome.meter
        place = await get_pool().stream(request, self.outlet.waiting)
        async with place as stream, meter.on(stream.worker_id, request.messages):
            self.outcome.worker_id, self.outcome.model_name = stream.worker_id, stream.model
            if self.outlet.is_waiting:
                await self.outlet.status("writing")
            async for piece in stream:
                if isinstance(piece, TextChunk):
                    meter.written += len(piece.text)
                    await self._say(window, self._kept.joined(piece.text))
                else:
                    self._note_usage(piece)
        await self._attribute(window)

    def _request(self, brief: Brief) -> CompletionRequest:
        seeing = brief.setup.seeing
        models = [name for name in brief.models if name in seeing] if self.images else brief.models
        return CompletionRequest(
            model=models[0],
            fallbacks=tuple(models[1:]),
            messages=prompts.build(
                system=brief.system,
                history=brief.history,
                question=brief.question,
                found=self.found,
                numbers=[card.number for card in self.cards],
                images=self.images,
            ),
            continues=self._kept.text,
            max_tokens=brief.assistant.max_tokens,
            affinity=str(brief.conversation.id),
            session_id=str(brief.conversation.id),
            cache_salt=brief.cache_salt,
            priority=1 if brief.message.key_id else 0,  # people before programs
        )

    async def _repeat(self, brief: Brief, request: CompletionRequest, window: HoldBack) -> bool:
        """Tell again how the very same question was answered, if it was and that may be; whether it was. What was
        answered from somebody's files is never told again.
        """
        if request.continues or brief.has_files or not brief.assistant.repeats_answers:
            return False
        same = await in_thread(repeating.find, brief, request, self.found)
        self.outcome.repeat_key = same.key
        if same.message_id is None:
            return False
        self.outcome.repeats_id, self.outcome.model_name = same.message_id, same.model_name
        self.outcome.usage = same.usage()
        await self._say(window, same.text)
        return True

    async def _attribute(self, window: HoldBack) -> None:
        """Cite at the end what the answer rests on, if the model cited nothing itself."""
        text = self._said
        if self.cards and not numbers_in(text):
            numbers = await in_thread(supporting, text, self.cards)
            if numbers:
                await self._say(window, " " + "".join(f"[{number}]" for number in numbers))

    async def _say(self, window: HoldBack, text: str) -> None:
        """Pass text through the window; while the whole answer waits for a person, all of it stays back."""
        self._said += text
        released = window.feed(text)
        if self.outcome.verdict:
            self.outcome.held_text += released
        else:
            await self.outlet.delta(released)

    async def _judge(self, window: HoldBack) -> None:
        """After the last word: release the rest, or hold or block what the window kept."""
        rest = window.finish()
        if window.verdict.action == "block":
            self._end(State.BLOCKED, "blocked", window.verdict.reason)
        elif self.outcome.verdict:
            self.outcome.held_text += rest + window.held
            self._end(State.HELD)
        elif window.verdict.action == "hold":
            self.outcome.verdict, self.outcome.held_text = window.verdict, window.held
            self._end(State.HELD)
        else:
            await self.outlet.delta(rest)
            self._end(State.DONE)

    async def settle(self) -> None:
        """Write the end of the run and tell it. Quiet when the answer belongs to another process by now."""
        outcome = self.outcome
        outcome.text, outcome.log = self.outlet.text, self.outlet.log
        if outcome.state != State.HELD:
            outcome.held_text = ""
            self.message.evidence = telling.shown_evidence(self.outlet.log, self.message.evidence)
        outcome.cited = cited_in(outcome.text + outcome.held_text, self.cards)
        if self.outlet.first_text_at is not None:
            outcome.timings["first_text"] = round(self.outlet.first_text_at - self._begun_at, 4)
        await self._judge_grounds()
        self._judge_support()
        self._mark_time("done")
        await self.outlet.settle()
        policy_version = self.brief.policy_version if self.brief else None
        try:
            told = await in_thread(finishing.finish, self.message, outcome, policy_version)
        except leases.LeaseLostError:
            log.warning("%s went to another process before it ended here", self.message.id)
            return
        await self.outlet.close_with(told)
        if outcome.support in ("weak", "none"):
            await in_thread(hint, self.message.id)
        if self._begins_conversation():
            await in_thread(name_soon, self.message.id)

    def _begins_conversation(self) -> bool:
        """Whether this is the first answer of a conversation in the sidebar, by a model that could name it."""
        brief = self.brief
        return (
            self.outcome.state == State.DONE
            and brief is not None
            and not brief.history
            and brief.assistant.mode == Assistant.Mode.GENERATE
            and brief.conversation.origin == Conversation.Origin.BROWSER
        )

    async def _judge_grounds(self) -> None:
        """What of the answer no passage supports, where there should be passages. Quotes are passages themselves."""
        outcome, brief = self.outcome, self.brief
        if brief is None or not brief.assistant.searches or outcome.state not in JUDGED:
            return
        try:
            async with asyncio.timeout(JUDGED_WITHIN_SECONDS):
                if outcome.mode == Assistant.Mode.GENERATE:
                    text = outcome.text + outcome.held_text
                    outcome.grounds = await in_thread(grounds.judge, text, self.found, brief.question)
                elif outcome.state == State.DONE and not self.quotes:
                    outcome.grounds = await in_thread(grounds.nothing, self.found)
        except (ParleyError, TimeoutError) as error:
            log.warning("what supports %s could not be looked at: %r", self.message.id, error)
        except Exception:
            # The answer is whole: what broke in judging it costs no more than the judgement.
            log.exception("judging %s failed", self.message.id)

    def _judge_support(self) -> None:
        """How well knowledge supported the answer, where it was asked and the answer came to its own end. A question
        about somebody's own files is no gap in knowledge, and nobody who keeps documents should hear of it.
        """
        outcome, brief = self.outcome, self.brief
        was_asked = brief and brief.assistant.searches and not brief.has_files and not self.message.continues_id
        if outcome.state == State.DONE and was_asked:
            stands = outcome.grounds is None or not outcome.grounds.is_nothing
            outcome.support = support_of(self.found, is_cited=bool(outcome.cited) and stands)

    def _end(self, state: str, error_code: str = "", error: str = "") -> None:
        self.outcome.state, self.outcome.error_code, self.outcome.error = state, error_code, error

    def _fail(self, code: str, message: str) -> None:
        """What was shown is kept: an answer that had begun is interrupted, one that had not has failed."""
        state = State.INTERRUPTED if self.outlet.text else State.FAILED
        self._end(state, code, message)

    def _mark_time(self, name: str) -> None:
        self.outcome.timings[name] = round(asyncio.get_running_loop().time() - self._begun_at, 4)

    def _note_usage(self, usage: Usage) -> None:
        self.outcome.model_name = usage.model
        self.outcome.usage = {
            "tokens_in": usage.tokens_in,
            "tokens_cached": usage.tokens_cached,
            "tokens_out": usage.tokens_out,
            "finish_reason": usage.finish_reason,
            "model": usage.model,
        }
        self.outcome.timings["first_token"] = round(usage.first_token_seconds, 4)
