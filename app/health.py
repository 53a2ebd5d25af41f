"""What a load balancer and a monitor ask: is the process up, can it serve, and a few figures.

Readiness asks every part for a real answer, side by side, each within a second and a half: a part that hangs must not
make the answer hang.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable

import aiohttp
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from redis.asyncio import Redis

from accounts.auditing.standing import read_standing
from accounts.sealed.person_keys import check_master_keys
from app.inference.routing.directory import load_targets
from app.inference.types import Target
from app.inference.watching.probing import new_session
from app.inference.watching.watcher import ask_health
from app.web.threads import in_thread

PATIENCE_SECONDS = 1.5

AUDIT_FAULTS = Gauge("parley_audit_faults", "What the last checks of the audit log found wrong")
AUDIT_CHECKPOINT = Gauge("parley_audit_checkpoint", "Number of the audit log's last checkpoint")
AUDIT_CHECKPOINT_AGE = Gauge("parley_audit_checkpoint_age_seconds", "Since the audit log's last checkpoint")
AUDIT_LATE = Gauge("parley_audit_checkpoint_late", "1: what happened waits for a checkpoint for too long")


async def healthz(request: HttpRequest) -> HttpResponse:
    """The process is up and its event loop turns."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, broker and a model answer; else 503 with what does not, and why."""
    checks = {"database": _database(), "keys": _keys(), "broker": _broker(), "model": _model()}
    *reasons, trouble = await asyncio.gather(*(_reason(check) for check in checks.values()), _audit_trouble())
    failing = [{"part": part, "reason": reason} for part, reason in zip(checks, reasons, strict=True) if reason]
    said: dict[str, object] = {"ready": not failing, "failing": failing}
    if trouble:  # Parley can serve all the same; somebody has to look
        said["notes"] = [{"part": "audit", "reason": trouble}]
    return JsonResponse(said, status=503 if failing else 200)


async def metrics(request: HttpRequest) -> HttpResponse:
    with contextlib.suppress(DatabaseError, TimeoutError):
        await asyncio.wait_for(in_thread(_measure_audit), PATIENCE_SECONDS)
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _measure_audit() -> None:
    standing = read_standing()
    AUDIT_FAULTS.set(len(standing.faults))
    AUDIT_CHECKPOINT.set(standing.checkpoint.number if standing.checkpoint else 0)
    AUDIT_CHECKPOINT_AGE.set(standing.age_seconds or 0)
    AUDIT_LATE.set(standing.is_late)


async def _audit_trouble() -> str:
    """What is wrong with the audit log's proof, or ""."""
    with contextlib.suppress(DatabaseError, TimeoutError):  # which is said as the database's own reason
        return (await asyncio.wait_for(in_thread(read_standing), PATIENCE_SECONDS)).trouble
    return ""


async def _reason(check: Awaitable[str]) -> str:
    """Why the part is not ready, or ''."""
    try:
        return await asyncio.wait_for(check, PATIENCE_SECONDS)
    except TimeoutError:
        return f"no answer within {PATIENCE_SECONDS} s"
    except Exception as error:  # noqa: BLE001 - whatever a client library raises is the reason this part is not ready
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


async def _database() -> str:
    await in_thread(_select_one)
    return ""


def _select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select 1")


async def _keys() -> str:
    """Without the right master key nobody's texts can be opened."""
    with contextlib.suppress(DatabaseError):  # which is said as the database's own reason
        await in_thread(check_master_keys)
    return ""


async def _broker() -> str:
    client = Redis.from_url(settings.VALKEY_URL, socket_timeout=PATIENCE_SECONDS)
    try:
        await client.ping()
    finally:
        await client.aclose()
    return ""


async def _model() -> str:
    """One worker that answers is enough. Their addresses are not told: anybody may ask."""
    targets = [target for workers in (await in_thread(load_targets)).values() for target in workers]
    if not targets:
        return "no worker is registered that takes requests"
    async with new_session() as session:
        asked = [asyncio.ensure_future(_ask(session, target)) for target in targets]
        try:
            problems = []
            for answer in asyncio.as_completed(asked):
                problem = await answer
                if not problem:
                    return ""
                problems.append(problem)
        finally:
            for each in asked:
                each.cancel()
    return "; ".join(problems)


async def _ask(session: aiohttp.ClientSession, target: Target) -> str:
    problem = await ask_health(session, target, PATIENCE_SECONDS)  # may name the address
    return f"a worker of {target.model} does not answer as it should" if problem else ""
