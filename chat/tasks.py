"""What may wait: reading files, looking at answers that knowledge did not support, naming conversations, writing
exports, and removing what was deleted.
"""

from __future__ import annotations

import logging
from uuid import UUID

from celery import Task, shared_task
from kombu.exceptions import OperationalError

from chat.exporting import archiving
from chat.writing import forgetting_files, naming, noting, purging, reading_files

log = logging.getLogger(__name__)


@shared_task(name="chat.tasks.note_gap")
def note_gap(message_id: str) -> None:
    noting.note(UUID(message_id))


@shared_task(name="chat.tasks.note_lost_gaps")
def note_lost_gaps() -> int:
    lost = noting.find_unnoted()
    for message_id in lost:
        note_gap.delay(str(message_id))
    return len(lost)


@shared_task(name="chat.tasks.name_conversation")
def name_conversation(message_id: str) -> None:
    naming.name(UUID(message_id))


@shared_task(name="chat.tasks.read_file")
def read_file(file_id: str) -> None:
    if reading_files.read(UUID(file_id)):
        read_file.apply_async((file_id,), countdown=1)


@shared_task(name="chat.tasks.read_waiting_files")
def read_waiting_files() -> int:
    """Read what nobody reads, because the hint was lost or its worker died."""
    lost = reading_files.find_lost()
    for file_id in lost:
        read_file.delay(str(file_id))
    return len(lost)


@shared_task(name="chat.tasks.embed_file")
def embed_file(file_id: str) -> None:
    reading_files.embed_anew(UUID(file_id))


@shared_task(name="chat.tasks.tend_files")
def tend_files() -> int:
    """Remove the files that nobody can have any more, and make the vectors that others lack."""
    for file_id in reading_files.find_outdated():
        embed_file.delay(str(file_id))
    return forgetting_files.forget()


def read_soon(file_id: UUID) -> None:
    """Have a worker read a file. Quiet when the broker is away: the sweep finds it."""
    _soon(read_file, file_id)


@shared_task(name="chat.tasks.write_export")
def write_export(export_id: str) -> None:
    archiving.write_export(UUID(export_id))


@shared_task(name="chat.tasks.tend_exports")
def tend_exports() -> int:
    """Write what was lost, remove what is over."""
    for export_id in archiving.find_lost():
        export_soon(export_id)
    return archiving.remove_expired()


@shared_task(name="chat.tasks.purge_deleted")
def purge_deleted() -> int:
    return purging.purge_deleted()


def hint(message_id: UUID) -> None:
    """Have a worker look at an answer soon. Quiet when the broker is away: the sweep finds it."""
    _soon(note_gap, message_id)


def name_soon(message_id: UUID) -> None:
    """Have a worker name the conversation that this answer begins. Where it cannot, the first words stay its title."""
    _soon(name_conversation, message_id)


def export_soon(export_id: UUID) -> None:
    """Have a worker write an export. Quiet when the broker is away: the sweep finds it."""
    _soon(write_export, export_id)


def _soon(task: Task[[str], None], row_id: UUID) -> None:
    try:
        task.apply_async((str(row_id),), retry=False)
    except OperationalError as error:
        log.warning("%s of %s waits: %r", task.name, row_id, error)
