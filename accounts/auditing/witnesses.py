"""Checkpoints told to others, so that nobody who has this machine can take back what they have seen.

Each witness is told every checkpoint in order, and again from the first that it has not taken when one fails. Their
addresses come from the settings, from whoever runs the machine, so they may be internal; no redirect is followed, no
proxy of the environment used. Syslog over UDP takes a message without a word, so "told" there means sent.
"""

from __future__ import annotations

import http.client
import json
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from accounts.audit_chain import Checkpoint
from accounts.auditing.rows import connect, read_checkpoints
from accounts.auditing.sealing import address as database_address
from accounts.auditing.sealing import own_view
from accounts.models import AuditCheckpoint, AuditWitness
from app.errors import BadInputError

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
MOST_AT_ONCE = 200
_PRIORITY = 13 * 8 + 5  # facility "log audit", severity "notice"
_SYSLOG_PORTS = {"syslog+udp": 514, "syslog+tcp": 601}
_LOCK = 0x5041524C45593032
SCHEMES = (*_SYSLOG_PORTS, "syslog+unix", "http", "https")


class WitnessError(Exception):
    """It was not told; the text says why."""


def check_addresses() -> None:
    """Raises BadInputError for a witness of the settings that cannot be one."""
    for address in settings.AUDIT_WITNESSES:
        check_address(address)


def check_address(address: str) -> None:
    """Raises BadInputError for what is no witness's address."""
    parts = urlsplit(address)
    is_whole = bool(parts.path if parts.scheme == "syslog+unix" else parts.hostname)
    if parts.scheme not in SCHEMES or not is_whole:
        raise BadInputError(
            f"AUDIT_WITNESSES: {address!r} is no address such as syslog+udp://host:514, syslog+tcp://host:601, "
            "syslog+unix:///dev/log or https://host/path."
        )


def tell_witnesses() -> int:
    """Tell every witness of the settings what it has not been told; how many could not be.

    One at a time does so, or two would tell out of order. The lock is the session's: no transaction waits for others.
    """
    check_addresses()
    with connect(database_address()) as connection:
        if connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone() != (True,):
            return 0
        return _tell_all()


def _tell_all() -> int:
    failed = 0
    for address in settings.AUDIT_WITNESSES:
        newest = AuditCheckpoint.objects.order_by("-number").values_list("number", flat=True).first() or 0
        # A new one begins with the newest: it names all before it.
        witness, _ = AuditWitness.objects.get_or_create(address=address, defaults={"number": max(0, newest - 1)})
        if witness.number < newest:
            failed += not _catch_up(witness)
    AuditWitness.objects.exclude(address__in=settings.AUDIT_WITNESSES).delete()
    return failed


def _catch_up(witness: AuditWitness) -> bool:
    with own_view() as connection:
        checkpoints = list(islice(read_checkpoints(connection, witness.number), MOST_AT_ONCE))
    try:
        for one in checkpoints:
            tell(witness.address, one)
            witness.number, witness.told_at, witness.error, witness.failed_at = one.number, timezone.now(), "", None
    except (WitnessError, OSError, http.client.HTTPException) as error:
        witness.error = (str(error) or type(error).__name__)[:300]
        witness.failed_at = timezone.now()
        log.warning("The witness %s was not told of checkpoints: %s", shown(witness.address), witness.error)
    witness.save()
    return not witness.error


def tell(address: str, one: Checkpoint) -> None:
    """Hand one checkpoint over. Raises WitnessError, OSError or HTTPException."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        _post(address, one)
        return
    message = syslog_message(one)
    if parts.scheme == "syslog+unix":
        _send_to_socket(parts.path, message)
        return
    place = (parts.hostname or "", parts.port or _SYSLOG_PORTS[parts.scheme])
    if parts.scheme == "syslog+udp":
        family, kind, protocol, _, target = socket.getaddrinfo(*place, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as sender:
            sender.sendto(message, target)
        return
    with socket.create_connection(place, timeout=PATIENCE_SECONDS) as line:
        line.sendall(b"%d %s" % (len(message), message))  # RFC 6587: the length, because a message may hold anything
        line.shutdown(socket.SHUT_WR)
        line.recv(1)  # until the other side has read to the end and hangs up


def syslog_message(one: Checkpoint) -> bytes:
    """RFC 5424. The statement and its signature alone: they stay below the 2,048 bytes that every receiver takes."""
    said: dict[str, Any] = {"statement": one.statement, "signature": one.signature}
    host = socket.gethostname()[:255] or "-"
    head = f"<{_PRIORITY}>1 {one.statement['at'].replace('+00:00', 'Z')} {host} parley - checkpoint -"
    return f"{head} {json.dumps(said, sort_keys=True)}".encode()


def _send_to_socket(path: str, message: bytes) -> None:
    """A local syslog listens for datagrams or for a stream."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(PATIENCE_SECONDS)
        try:
            sender.connect(path)
        except OSError:
            pass
        else:
            sender.send(message)
            return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(PATIENCE_SECONDS)
        line.connect(path)
        line.sendall(b"%d %s" % (len(message), message))


def _post(address: str, one: Checkpoint) -> None:
    parts = urlsplit(address)
    headers = {"Content-Type": "application/json", "Idempotency-Key": one.hash, "User-Agent": "Parley"}
    if settings.AUDIT_WITNESS_TOKEN:
        headers["Authorization"] = f"Bearer {settings.AUDIT_WITNESS_TOKEN}"
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    with _line_to(parts.scheme, parts.hostname or "", parts.port) as line:
        line.request("POST", target, body=one.line().encode(), headers=headers)
        answer = line.getresponse()
        answer.read(64_000)
        if not 200 <= answer.status < 300:
            raise WitnessError(f"it answered {answer.status}")


@contextmanager
def _line_to(scheme: str, host: str, port: int | None) -> Iterator[http.client.HTTPConnection]:
    line: http.client.HTTPConnection
    if scheme == "https":
        context = ssl.create_default_context()
        line = http.client.HTTPSConnection(host, port, timeout=PATIENCE_SECONDS, context=context)
    else:
        line = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
    try:
        yield line
    finally:
        line.close()


def shown(address: str) -> str:
    """Without what may be a secret in it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
