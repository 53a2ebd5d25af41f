"""Files for tests of the chat: made, brought in and read in the real way."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageDraw

from accounts.models import User
from chat.models import Attachment, Conversation
from chat.verbs.attaching import attach_file
from chat.writing.reading_files import read

LETTER = """# Offer from Nordwind

Nordwind delivers forty standing desks for 18,400 euros.

## Delivery

The desks arrive in the second week of March. Assembly is included in the price.
"""


def bring(
    actor: User, conversation: Conversation | None, name: str = "offer.md", content: str | bytes = LETTER
) -> Attachment:
    """Bring a file in and read it to its end."""
    data = content.encode() if isinstance(content, str) else content
    file = attach_file(actor, file=[data], name=name, conversation=conversation)
    while read(file.pk):
        pass
    return Attachment.objects.get(pk=file.pk)


def picture(kind: str = "PNG", words: str = "", size: tuple[int, int] = (640, 400), **how: object) -> bytes:
    """A picture, blue or with words on white."""
    image = Image.new("RGB", size, "white" if words else "navy")
    if words:
        ImageDraw.Draw(image).text((40, size[1] // 2), words, fill="black", font_size=32)
    out = io.BytesIO()
    image.save(out, kind, **how)  # type: ignore[arg-type]
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A picture that says it has so many pixels, and has none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
