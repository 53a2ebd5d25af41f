"""The browser's frames: the whole article first, then only what changed, and together the same page as a reload."""

import re

import pytest

from app.web.threads import in_thread
from chat.pages.presenting import view_of
from chat.socket.renderings import HtmlRendering
from chat.streaming import telling
from chat.streaming.events import Event
from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = (
    "First **bold** words and a [link](https://a.example/x).\n\n- one\n- two\n\n```python\nx = 1\n```\n\n"
    "| a | b |\n|---|---|\n| c | $x^2$ |\n| d | e |\n\nThe end of it, see [there][below].\n\n[below]: /k/1\n"
)


async def frames_of(message, cut: int) -> list[str]:
    """Frames for an answer whose text comes in pieces of ``cut`` characters."""
    rendering, frames, seq = HtmlRendering(), [], 3
    story = telling.retell(message)
    frames += await rendering.frames(story[:2], 0)
    for begin in range(0, len(TEXT), cut):
        seq += 1
        frames += await rendering.frames([Event(message.id, seq, "delta", {"text": TEXT[begin : begin + cut]})], 0)
    done = Event(message.id, seq + 1, "done", {"state": "done", "usage": {}, "timings": {}})
    return frames + await rendering.frames([done], 0)


def page_after(frames: list[str], message_id: str) -> str:
    """The body of the answer once a browser has taken all frames."""
    closed, opened = "", ""
    for frame in frames:
        if match := re.search(r'hx-swap-oob="beforeend:#closed-[^"]*">(.*?)</div>(?=<div|$)', frame, re.S):
            closed += match[1]
        if match := re.search(r'hx-swap-oob="beforeend:#open-[0-9a-f-]{36}([^"]*)"[^>]*>(.*)</div>$', frame, re.S):
            path = re.findall(r" > (\w+):last-child", match[1])
            ends = "".join(rf"</{name}>\n*" for name in reversed(path)) + r"\Z"
            at = re.search(ends, opened).start()
            opened = opened[:at] + match[2] + opened[at:]
        if match := re.search(
            r'<tbody hx-swap-oob="beforeend:#open-[^"]*tbody:last-child">(.*)</tbody></template>$', frame, re.S
        ):
            at = opened.rindex("</tbody>")
            opened = opened[:at] + match[1] + opened[at:]
        if match := re.search(r'id="closed-[^"]*" hx-swap-oob="innerHTML"[^>]*>(.*?)</div>(?=<div|\s*$)', frame, re.S):
            closed = match[1]
        if match := re.search(r'id="open-[^"]*" hx-swap-oob="innerHTML"[^>]*>(.*?)</div>(?=<div|\s*$)', frame, re.S):
            opened = match[1]
    return closed + opened


@pytest.fixture
async def answered(running, conversation, alice_key, scripted_server):
    scripted_server.script(tokens=[TEXT])
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Show me")
        done = await reader.until("done")
    return await in_thread(telling.load, done["message_id"])


async def test_words_and_items_are_put_in_where_they_belong(answered):
    frames = "".join(await frames_of(answered, 2))
    assert re.search(r'beforeend:#open-[^"]* > p:last-child"[^>]*>rs<', frames)
    assert re.search(r'beforeend:#open-[^"]* > ul:last-child"[^>]*><li>', frames)
    assert re.search(r'beforeend:#open-[^"]* > ul:last-child > li:last-child"', frames)


async def test_a_row_of_a_table_is_put_in_alone(answered):
    frames = await frames_of(answered, 1)
    (row,) = [frame for frame in frames if frame.startswith("<template")]
    place = r'"beforeend:#open-[^"]* > div:last-child > table:last-child > tbody:last-child"'
    assert re.search(place + r"><tr>\n<td>d</td>\n<td>e</td>\n</tr>\n</tbody></template>$", row)
    assert f'id="rows-{answered.id}" data-seq="' in row


@pytest.mark.parametrize("cut", [1, 3, 7, 1000])
async def test_frames_add_up_to_the_page_of_a_reload(answered, cut):
    frames = await frames_of(answered, cut)
    reloaded = await in_thread(view_of, answered, answered.conversation.assistant)
    assert page_after(frames, str(answered.id)) == reloaded.html_closed + reloaded.html_open


async def test_the_first_frame_is_the_whole_article_with_its_question(answered):
    first = (await frames_of(answered, 5))[0]
    assert f'id="m-{answered.id}"' in first
    assert "Show me" in first


async def test_plain_text_travels_once(answered):
    frames = await frames_of(answered, 4)
    growing = [frame for frame in frames if "beforeend:#open-" in frame]
    assert len(growing) > 5
    assert max(len(frame) for frame in growing) < 300


async def test_an_answer_followed_again_after_its_end_is_not_shown_again(answered):
    rendering, story = HtmlRendering(), telling.retell(answered)
    assert await rendering.frames(story, 0)
    assert await rendering.frames(story, story[-1].seq) == []
    later = Event(answered.id, story[-1].seq + 1, "status", {"state": "interrupted"})
    (frame,) = await rendering.frames([*story, later], story[-1].seq)
    assert TEXT[:5] not in frame
