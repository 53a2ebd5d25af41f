"""What the exports say in the same words: who wrote an answer, how it ended, where a citation leads; and safe text.

Text of people, models and documents can carry signs that turn the direction of what follows ("bidi" controls), by which
a line can be made to read as another. They are taken out where text stands beside words of Parley's; the JSON export
keeps them, written as escapes.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _

from chat.composing.snapshots import Cited, Entry, Transcript
from chat.models import Assistant, Message

# Embeddings, overrides and isolates; the plain marks of direction, which Arabic and Hebrew need, are harmless.
TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
State = Message.State


def tame(text: str) -> str:
    """Without signs that turn or hide what stands beside it; with one kind of line end."""
    return _CONTROLS.sub("", TURNING.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def in_a_line(text: str) -> str:
    return " ".join(tame(text).split())


def notice() -> str:
    """What stands at the head of every export."""
    return _("The answers in this file were written by an AI. Check what matters in the sources that they name.")


def byline(entry: Entry) -> str:
    """Who wrote an answer; empty where there is nothing written."""
    if not entry.text:
        return ""
    if entry.mode == Assistant.Mode.QUOTE:
        said = _("Written by an AI from word-for-word quotes")
    elif entry.model:
        said = _("Written by an AI (%(model)s)") % {"model": in_a_line(entry.model)}
    else:
        said = _("Written by an AI")
    return said


def ending(entry: Entry) -> str:
    """How an answer ended, where that is not plain from its text; with the reason its reader was told."""
    endings = {
        State.QUEUED: _("Not answered yet."),
        State.RUNNING: _("Still being written when this was exported."),
        State.HELD: _("Held for review by a person."),
        State.RELEASED: _("Read and released by a person."),
        State.EDITED: _("Edited by a person before it was released."),
        State.REJECTED: _("Not released after review."),
        State.BLOCKED: _("Not answered: a rule of the organisation stands against it."),
        State.STOPPED: _("Stopped before its end."),
        State.INTERRUPTED: _("Interrupted before its end."),
        State.FAILED: _("This could not be answered."),
    }
    said = endings.get(State(entry.state), "")
    return f"{said} {in_a_line(entry.reason)}".strip() if said else ""


def place(cited: Cited) -> str:
    """Where a citation's words stand: the document, its page, the headings above them."""
    headings = [name for name in cited.heading_path if name != cited.document_title]
    page = _("p. %(page)d") % {"page": cited.page} if cited.page else ""
    return ", ".join(filter(None, [in_a_line(cited.document_title), page, in_a_line(" › ".join(headings))]))


def link(cited: Cited) -> str:
    """The address that opens the passage at the quoted words, for those who may read it."""
    if cited.file_id:
        path = reverse("chat:file", args=[cited.file_id])
    else:
        path = reverse("knowledge:passage", args=[cited.passage_id])
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}?{urlencode({'start': cited.start, 'end': cited.end})}"


def file_name(transcript: Transcript, ending_of_name: str) -> str:
    """A name of plain letters, made from the title, so that no system reads anything else into it."""
    title = slugify(in_a_line(str(transcript.conversation)))[:60].strip("-_") or "conversation"
    return f"{title}-{str(transcript.conversation.pk)[-6:]}.{ending_of_name}"
