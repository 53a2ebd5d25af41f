"""What an answer is given to go by: passages of documents and of the conversation's files, what to quote of them, and
pictures.

Files are read by others, so who asks with one may have to wait for it; and one that cannot be used is said to be so
rather than left out in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import BadInputError, UnavailableError
from chat.composing.briefing import Brief
from chat.composing.in_files import FoundInFile, pictures_of, search_files
from chat.models import Assistant, Attachment
from knowledge.retrieval import search
from knowledge.retrieval.found import Found
from knowledge.retrieval.quoting import Quote, best_quotes

EVIDENCE_COUNT = 6
QUOTES = 3


class CannotSeeError(BadInputError):
    """A picture for a model that sees none, and no text in it that could be read instead."""

    code = "cannot_see"


class FileRefusedError(BadInputError):
    code = "file_refused"


class FileNotReadyError(UnavailableError):
    code = "file_not_ready"
    retry_after = None


@dataclass(frozen=True)
class Gathered:
    """``found`` is the best first, but what files say whole stands in their order; ``images`` are data URLs."""

    found: Sequence[Found] = ()
    quotes: Sequence[Quote] = ()
    images: Sequence[str] = ()


def gather(brief: Brief) -> Gathered:
    """Raises CannotSeeError, and UnavailableError when the embedding model does not answer."""
    found: list[Found] = []
    if brief.assistant.searches:
        found = search(user=brief.reader, query=brief.searched, limit=EVIDENCE_COUNT, source_ids=brief.source_ids)
    in_files = search_files(brief.conversation.id, brief.searched) if brief.has_files else []
    images = images_for(brief)
    if brief.assistant.mode == Assistant.Mode.GENERATE:
        return Gathered([*in_files, *found], (), images)
    merged = sorted([*in_files, *found], key=lambda one: -one.score) if in_files else found
    return Gathered(merged, best_quotes(brief.searched, merged, QUOTES), ())


def images_for(brief: Brief) -> list[str]:
    """The pictures of the conversation for a model that sees. Raises CannotSeeError where one that came with this very
    question would be of no use; earlier ones are passed over.
    """
    if not brief.has_files:
        return []
    own = set(Attachment.objects.filter(questions=brief.message.parent_id).values_list("pk", flat=True))
    pictures = pictures_of(brief.conversation.id)
    if brief.sees_images:
        return [one.url for one in pictures]
    if blind := next((one for one in pictures if one.id in own and not one.has_text), None):
        raise cannot_see(blind.name)
    return []


def text_of_files(found: Sequence[Found]) -> str:
    """What files bring into a prompt, with their names: words of the person who asks, as the question is."""
    return "\n".join(f"{one.document_title}\n{one.text}" for one in found if isinstance(one, FoundInFile))


def find_unread(brief: Brief) -> str:
    """The name of a file that the conversation asks with and that is still being read; "" when there is none.

    Raises FileRefusedError for one that came with this very question and could not be read.
    """
    refused = Attachment.objects.filter(questions=brief.message.parent_id, state=Attachment.State.REFUSED).first()
    if refused:
        raise FileRefusedError(f"{refused.name} could not be read. {refused.reason} Remove it, and ask again.")
    asked = Attachment.objects.filter(conversation=brief.conversation.id, asked_at__isnull=False)
    return asked.under_way().values_list("name", flat=True).first() or ""


def cannot_see(name: str) -> CannotSeeError:
    return CannotSeeError(
        f"This model cannot read images, and there is no text in {name} that Parley can read. "
        "Choose another model or assistant, or remove the image."
    )
