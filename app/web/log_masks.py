"""Log lines without secrets, and of one line each.

Passwords, keys, session ids and links that open something come into a log by many ways: a library that tells what it
sends, an address in an error, a value in a traceback. So every line goes through one place, just before it is written,
that masks what has the shape of a secret or is one of this installation's own. Whoever reads logs is not to sign in
with them. The loggers of libraries that tell whole bodies are held at a quieter level besides (app.settings).
"""

from __future__ import annotations

import logging
import re
import time
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from django.conf import settings

MASK = "[masked]"

# name=value, "name": "value", name: value, in addresses, JSON, dictionaries and the arguments of calls
_NAMES = (
    r"pass(?:word|wd|phrase)?\w*|\w*secret\w*|\w*credential\w*|\w*token(?!s|iz)\w*|(?:x[-_])?api[-_]?key|access[-_]?key\w*"
    r"|private[-_]?key|signature|session(?:id|[-_]key)|csrftoken|x-amz-[\w-]+|sig|jwt|otp"
)
_VALUE = r"""b?"[^"\n]{1,4000}"|b?'[^'\n]{1,4000}'|[^\s&;,'"<>()\[\]{}]{1,4000}"""
_NAMED = re.compile(rf"""(?i)(?<![a-z])((?:__Host-)?(?:{_NAMES})['"]?\)?\s*(?:=|:|=>|,\s*(?=b?['"]))\s*)({_VALUE})""")
_HEADER = re.compile(
    r"""(?i)(\b(?:proxy-)?authorization|\bset-cookie|\bcookie|\bx-csrftoken)(b?['"]?\s*[:=,]\s*)(b?'[^'\n]*'|b?"[^"\n]*"|[^\n]*)"""
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s+[\w.~+/=-]{6,}")
_USER_INFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s/@'\"]{1,2000}@")
_OWN_KEY = re.compile(r"\bparley_[\w-]{20,}")
_KEYS = re.compile(
    r"\b(?:sk|pk|rk)-[\w-]{16,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_\w{20,}|\bglpat-[\w-]{16,}|\bhf_\w{20,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{4,}\.[\w-]*|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END|\Z)",
    re.DOTALL,
)
# Addresses that open something for whoever has them: shared conversations, new passwords, models' and stores' answers.
_OPENS = re.compile(r"((?<![\w.-])s/|password/reset/key/)[\w-]{16,}")

_LONGEST = 20_000  # of one line; what is longer is cut, for it is somebody's text


def masked(text: str) -> str:
    """The same text with every secret in it masked that can be told by its shape, its name, or by being ours."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} … {len(text) - _LONGEST} characters more"
    for secret in _own_secrets():
        text = text.replace(secret, MASK)
    text = _HEADER.sub(rf"\1\2{MASK}", text)
    text = _SCHEME.sub(rf"\1 {MASK}", text)
    text = _USER_INFO.sub(rf"\1{MASK}@", text)
    text = _OWN_KEY.sub(MASK, text)
    text = _KEYS.sub(MASK, text)
    text = _OPENS.sub(rf"\1{MASK}", text)
    return _NAMED.sub(rf"\1{MASK}", text)


@lru_cache(maxsize=1)
def _own_secrets() -> tuple[str, ...]:
    """What the settings hold, in full: no rule has to recognise these."""
    values = [settings.SECRET_KEY, settings.MODEL_API_KEY, settings.EMBEDDING_API_KEY, settings.EMAIL_HOST_PASSWORD]
    values += [settings.DATABASES["default"]["PASSWORD"], settings.DATABASE_OWNER["PASSWORD"]]
    values += (settings.MASTER_KEY or "").split()
    in_address = urlsplit(settings.VALKEY_URL).password
    values += [in_address, unquote(in_address or "")]
    return tuple(sorted({value for value in values if value and len(value) >= 6}, key=len, reverse=True))


_ONE_LINE = {number: f"\\x{number:02x}" for number in (*range(32), 127, *range(128, 160))} | {
    9: "\t",
    10: "\\n",
    13: "\\r",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
    0x202E: "\\u202e",
}


class MaskingFormatter(logging.Formatter):
    """Lines for people and collectors: masked, in UTC, and each event on one line but for the traceback of it."""

    converter = time.gmtime  # type: ignore[assignment]  # takes what the formatter gives
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:
        """What is logged can hold what a stranger sent; a new line in it would look like an event of its own."""
        return super().formatMessage(record).translate(_ONE_LINE)

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))
