"""Wrong keys and tokens: counted for each address, and cheap.

Only what is wrong counts and only what is wrong is refused sooner, so that a good key goes on working beside a broken
program on the same address. What cannot be a secret of ours is refused without asking the database, and one that is not
there is remembered for some seconds: it is random, so it will not be there later either.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
import time
from collections import OrderedDict

import redis
from django.conf import settings

from accounts.errors import TooManyFailuresError
from app.web.valkey import quick_client

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60
_SHAPE = re.compile(r"parley[_a-z-]{1,5}[A-Za-z0-9_-]{40,64}")
_REMEMBERED = 4096
_REMEMBERED_SECONDS = 30.0
_lock = threading.Lock()
_unknown: OrderedDict[str, float] = OrderedDict()


def has_shape(secret: str) -> bool:
    """Whether this can be a secret that Parley gave out."""
    return _SHAPE.fullmatch(secret) is not None


def is_known_wrong(digest: str) -> bool:
    with _lock:
        return _unknown.get(digest, 0.0) > time.monotonic()


def remember_wrong(digest: str) -> None:
    """No row has this digest, so none will: secrets are random."""
    with _lock:
        _unknown[digest] = time.monotonic() + _REMEMBERED_SECONDS
        _unknown.move_to_end(digest)
        while len(_unknown) > _REMEMBERED:
            _unknown.popitem(last=False)


def forget() -> None:
    with _lock:
        _unknown.clear()


def count_failure(address: str) -> None:
    """Note one more wrong attempt. Raises TooManyFailuresError once there are more than KEY_FAILURES a minute.

    Without Valkey nobody is counted, and what is wrong is refused as ever.
    """
    name = f"parley:wrong-keys:{network_of(address)}"
    try:
        client = quick_client(settings.VALKEY_URL)
        pipe = client.pipeline()
        pipe.set(name, 0, ex=WINDOW_SECONDS, nx=True)
        pipe.incr(name)
        pipe.ttl(name)
        _, count, left = pipe.execute()
    except (redis.exceptions.RedisError, OSError) as error:
        log.warning("wrong keys are not counted: %r", error)
        return
    if count > settings.KEY_FAILURES:
        raise TooManyFailuresError(retry_after=max(1, left))


def network_of(address: str) -> str:
    """The part of an address that says where somebody is without saying who: ``203.0.113.0/24``, ``2001:db8::/48``."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    prefix = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network(f"{parsed}/{prefix}", strict=False))
