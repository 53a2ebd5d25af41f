"""Primary keys: UUID version 7 (RFC 9562), so that rows stay in the order of time.

Python ships uuid7 from 3.14 on; this is the same 48 bits of milliseconds and 74 random bits.
"""

import os
import time
import uuid


def new_id() -> uuid.UUID:
    """A new time-ordered UUID."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=value)
