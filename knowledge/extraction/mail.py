"""E-mails (.eml): who wrote to whom, when, and what; attachments are named, not read.

The plain text is preferred, because it is what the sender's program holds for the same; what it quotes stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.parser import BytesParser
from itertools import islice
from pathlib import Path
from typing import Any

from knowledge.extraction.types import Extracted, ExtractionError, Limits
from knowledge.extraction.writing import Writer, one_line

MEDIA_TYPE = "message/rfc822"
_PARTS = 1000
_TOO_MANY = f"It holds more than {_PARTS:,} parts."
_DEEPEST = 20
_HEAD = re.compile(rb"^[!-9;-~]+[ \t]*:", re.MULTILINE)
_REPLY = re.compile(r"^(?:(?:re|fwd?|aw|wg)\s*:\s*)+", re.IGNORECASE)


def read(path: Path, limits: Limits) -> Extracted:
    data = path.read_bytes()
    if len(data) > limits.unpacked_bytes:
        raise ExtractionError(f"It is larger than {limits.unpacked_bytes // 2**20} MB.")
    if not _HEAD.match(data.lstrip()[:1000].removeprefix(b"From ").lstrip()) and not _HEAD.search(data[:2000]):
        raise ExtractionError("It is damaged: it does not begin like an e-mail.")
    if data.lower().count(b"\ncontent-type:") > _PARTS:
        raise ExtractionError(_TOO_MANY)
    try:
        message = BytesParser(policy=policy.default).parsebytes(data)
    except (MessageError, ValueError, LookupError) as error:
        raise ExtractionError("It is damaged: it cannot be read as an e-mail.") from error
    if next(islice(message.walk(), _PARTS, None), None) is not None:
        raise ExtractionError(_TOO_MANY)
    writer = Writer(limits)
    subject = _header(message, "subject")
    _write_message(message, writer, 1)
    return writer.extracted(title=_REPLY.sub("", subject) or subject, media_type=MEDIA_TYPE)


def _write_message(message: EmailMessage, writer: Writer, depth: int) -> None:
    if depth > _DEEPEST:
        raise RecursionError
    writer.heading(_header(message, "subject") or "E-mail", depth)
    told = [(name, _header(message, name)) for name in ("From", "To", "Cc", "Date")]
    writer.block("\n".join(f"- {name}: {value}" for name, value in told if value))
    attached: list[str] = []
    inner: list[EmailMessage] = []
    body = _body(message)
    if body is not None:
        _write_body(body, writer)
    for part in _parts(message, 0):
        if part is body:
            continue
        if part.get_content_type() == "message/rfc822":
            inner += [held for held in _held(part) if isinstance(held, EmailMessage)]
        elif name := one_line(str(part.get_filename() or "")):
            attached.append(name)
    writer.block("Attachments: " + ", ".join(attached) if attached else "")
    for held in inner:
        _write_message(held, writer, depth + 1)


def _header(message: Message[Any, Any], name: str) -> str:
    """A header decoded, or "" when there is none or nobody can decode it."""
    try:
        return one_line(str(message.get(name) or ""))
    except (ValueError, LookupError, AttributeError, TypeError, IndexError):
        return ""


def _held(part: Message[Any, Any]) -> list[Any]:
    payload = part.get_payload()
    return payload if isinstance(payload, list) else []


def _parts(message: Message[Any, Any], depth: int) -> Iterator[Message[Any, Any]]:
    """The parts of this message, but not those of messages inside it."""
    if depth > _DEEPEST * 5:
        raise RecursionError
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        yield message
        return
    for part in _held(message):
        yield from _parts(part, depth + 1)


def _body(message: EmailMessage) -> Message[Any, Any] | None:
    """The first readable part, plain text before HTML."""
    texts = [
        part
        for part in _own_parts(message)
        if part.get_content_type() in ("text/plain", "text/html") and part.get_content_disposition() != "attachment"
    ]
    plain = [part for part in texts if part.get_content_type() == "text/plain" and _decoded(part).strip()]
    return next(iter(plain or texts), None)


def _own_parts(message: EmailMessage) -> list[Message[Any, Any]]:
    if message.get_content_type() == "message/rfc822":
        return []
    return list(_parts(message, 0))


def _decoded(part: Message[Any, Any]) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(part.get_content_charset() or "utf-8", errors="strict")
    except (LookupError, ValueError):
        return data.decode("cp1252", errors="replace")


def _write_body(part: Message[Any, Any], writer: Writer) -> None:
    text = _decoded(part)
    if part.get_content_type() == "text/plain":
        for paragraph in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
            writer.block(paragraph)
        return
    from knowledge.extraction import html  # lxml is worth its start-up time only for mails without plain text

    if text.strip():
        html.write_page(html.parse(text), writer)
