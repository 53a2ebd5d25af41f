"""All of a person's own in one zip: conversations as JSON and Markdown, and what else they wrote or set here.

It is written to its end beside its place and renamed, one conversation at a time, so that it costs no more memory for
many. What they deleted is not in it, nor is anything of others: of a share that they made only that they made it.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path, PurePath
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.people.own_data import events_of, files_of
from accounts.sealed.files import opened_pieces
from app.errors import NotFoundError
from chat.composing.in_files import bytes_name
from chat.composing.snapshots import transcript_of
from chat.exporting import data, markdown, wording
from chat.models import Assistant, Attachment, Conversation, Feedback, Instructions, SavedPrompt, Share, Tag
from knowledge.files import path_of
from knowledge.own_data import questions_of, sources_of
from moderation.own_data import cases_of

Progress = Callable[[int, int], None]
README = _(
    """Everything that {person} has in Parley, as of {now} UTC.

{notice}

index.html            where to begin: a list of all of it, to open in a browser
account.json          name, address, roles and groups
conversations/        each as JSON, with all of its branches, and as Markdown, with the branch that is shown
prompts.json          saved prompts
instructions.json     what models are told about you
feedback.json         what you thought of answers
files.json, files/    what you attached to conversations
shares.json           what you shared, with whom and until when
tags.json             tags that you keep conversations under
sign-ins.json         ways to sign in, and where you are signed in
programs.json         keys and programs that act for you, without their secrets
usage.json            what you used up, day by day, and your limits
who-read.json         who was allowed to read your conversations, and why
reviews.json          answers to you that a person looked at
questions.json        questions of yours that nothing supported
keeps.json            sources, assistants and programs that you answer for
kept-for.json         how long each kind of thing is kept
audit.jsonl           what the audit log has about you, a line for each event

Conversations that you deleted are not here. The format of the JSON files of conversations is described in Parley's
documentation (docs/exports.md); those of other files say what they are.
"""
)


def write_everything(user: User, path: Path, progress: Progress = lambda written, total: None) -> int:
    """Write the zip to ``path``, which only its owner may read; how many conversations are in it.

    ``progress`` is told after each conversation how many are written, and of how many.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".new-{path.stem}-")  # mode 600
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            count = _fill(archive, user, progress)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return count


def _fill(archive: zipfile.ZipFile, user: User, progress: Progress) -> int:
    now = f"{timezone.now():%Y-%m-%d %H:%M}"
    archive.writestr(
        "README.txt", str(README).format(person=wording.in_a_line(str(user)), now=now, notice=wording.notice())
    )
    for name, content in _others(user):
        archive.writestr(f"{name}.json", _as_json(content))
    _add_files(archive, user)
    _add_events(archive, user)
    mine = Conversation.objects.filter(owner=user, deleted_at=None).order_by("created_at", "id")
    ids = list(mine.values_list("pk", flat=True))
    listed: list[tuple[str, Conversation]] = []
    progress(0, len(ids))
    for number, conversation_id in enumerate(ids, 1):
        conversation = mine.select_related("assistant__model").filter(pk=conversation_id).first()
        if conversation is not None:  # deleted a moment ago
            listed.append((_add(archive, conversation), conversation))
        progress(number, len(ids))
    archive.writestr("index.html", _index(user, listed, archive.namelist()))
    return len(ids)


def _add(archive: zipfile.ZipFile, conversation: Conversation) -> str:
    """The name of the Markdown file."""
    transcript = transcript_of(conversation, whole_tree=True)
    name = f"conversations/{conversation.created_at:%Y-%m-%d}-" + wording.file_name(transcript, "")
    archive.writestr(f"{name}json", data.written(transcript))
    archive.writestr(f"{name}md", markdown.written(transcript))
    return f"{name}md"


def _add_events(archive: zipfile.ZipFile, user: User) -> None:
    """One line for each, as they come: there may be very many."""
    now = timezone.now()
    entry = zipfile.ZipInfo("audit.jsonl", (now.year, now.month, now.day, now.hour, now.minute, now.second))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w") as file:
        for event in events_of(user):
            file.write(json.dumps(event, ensure_ascii=False, default=_plain).encode() + b"\n")


def _index(user: User, listed: list[tuple[str, Conversation]], names: list[str]) -> str:
    """A page that needs nothing but the folder it lies in."""
    others = [name for name in names if "/" not in name]
    return render_to_string(
        "chat/everything.html",
        {"person": user, "now": timezone.now(), "notice": wording.notice(), "listed": listed, "others": others},
    )


def _add_bytes(archive: zipfile.ZipFile, place: str, pieces: Iterator[bytes]) -> bool:
    """Whether they were there."""
    try:
        first = next(pieces, b"")
    except NotFoundError:
        return False
    with archive.open(place, "w") as out:
        out.write(first)
        for piece in pieces:
            out.write(piece)
    return True


def _add_files(archive: zipfile.ZipFile, user: User) -> None:
    """A list of what is attached to conversations, and each as it came; a picture as it was kept."""
    listed = []
    for one in Attachment.objects.belonging_to(user).without_text().order_by("created_at", "id"):
        path = path_of(one.file or one.picture) if one.places() else None
        place = f"files/{one.pk}{PurePath(one.name if one.file else one.picture).suffix.lower()}"
        is_here = path is not None and _add_bytes(archive, place, opened_pieces(path, bytes_name(one.pk)))
        listed.append(
            {
                "id": str(one.pk),
                "conversation_id": str(one.conversation_id) if one.conversation_id else None,
                "name": one.name,
                "size_bytes": one.size_bytes,
                "created_at": one.created_at.isoformat(),
                "file": place if is_here else None,
            }
        )
    archive.writestr("files.json", _as_json(listed))


def _others(user: User) -> Iterator[tuple[str, Any]]:
    yield from files_of(user)
    yield "reviews", cases_of(user)
    yield "questions", questions_of(user)
    yield "tags", list(Tag.objects.filter(owner=user).values_list("name", flat=True))
    yield (
        "keeps",
        {
            "sources": sources_of(user),
            "assistants": list(Assistant.objects.filter(owner=user).values_list("name", flat=True)),
            "programs": [{"name": one.name, "expires_at": one.expires_at} for one in user.programs_owned.all()],
        },
    )
    prompts = SavedPrompt.objects.filter(owner=user, deleted_at=None).select_related("group").order_by("created_at")
    yield (
        "prompts",
        [
            {
                "name": one.name,
                "text": one.text,
                "shared_with": one.group.name if one.group else None,
                "created_at": one.created_at.isoformat(),
                "changed_at": one.changed_at.isoformat(),
            }
            for one in prompts
        ],
    )
    told = Instructions.objects.filter(user=user).first()
    yield "instructions", {"about": told.about, "manner": told.manner, "is_on": told.is_on} if told else None
    given = Feedback.objects.filter(user=user, message__conversation__deleted_at=None).order_by("given_at")
    yield (
        "feedback",
        [
            {
                "message_id": str(one.message_id),
                "value": one.value,
                "reason": one.reason,
                "text": one.text,
                "given_at": one.given_at.isoformat(),
            }
            for one in given
        ],
    )
    yield "shares", [_share(one) for one in _shares(user)]


def _shares(user: User) -> Any:
    rows = Share.objects.filter(owner=user, conversation__deleted_at=None).order_by("created_at")
    return rows.defer("snapshot").prefetch_related("people", "groups")


def _share(share: Share) -> dict[str, Any]:
    return {
        "id": str(share.pk),
        "conversation_id": str(share.conversation_id),
        "people": [one.email for one in share.people.all()],
        "groups": [one.name for one in share.groups.all()],
        "note": share.note,
        "created_at": share.created_at.isoformat(),
        "expires_at": share.expires_at.isoformat(),
        "revoked_at": share.revoked_at.isoformat() if share.revoked_at else None,
        "opened_count": share.opened_count,
    }


def _as_json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    """Moments as ISO 8601; ids, sums and sentences to be translated as text."""
    return value.isoformat() if isinstance(value, date) else str(value)
