"""Reading ahead in a process that has just begun: the sentences of passages that answers are likely to show.

A passage is shown with the sentence that fits best, for which the vectors of its sentences are needed. They are made
when it is found first, which takes longer than the whole search; made ahead, in the pauses between answers, the first
readers see their evidence as soon as later ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from uuid import UUID

from django.db import DatabaseError
from django.utils import timezone

from accounts.models import User
from app.errors import ParleyError
from app.web.threads import in_thread
from chat.models import Citation
from knowledge.models import Passage
from knowledge.retrieval import search
from knowledge.retrieval.quoting import remember

log = logging.getLogger(__name__)

CITED_LATELY = 1000
MOST = 400
AT_ONCE = 4
PAUSE_SECONDS = 0.1


async def read_ahead(is_busy: Callable[[], bool]) -> None:
    """A few passages at a time, as long as nothing is written here. Gives up quietly when a part is away."""
    try:
        await in_thread(_search_once)
        ids = deque(await in_thread(likely_passages))
        while ids:
            if not is_busy():
                await in_thread(_remember, [ids.popleft() for _ in range(min(AT_ONCE, len(ids)))])
            await asyncio.sleep(PAUSE_SECONDS)
    except (ParleyError, DatabaseError) as error:
        log.warning("passages could not be read ahead: %s", error)


def likely_passages() -> list[UUID]:
    """Passages in force, those cited lately first, then the newest."""
    in_force = Passage.objects.filter(
        version__published_at__lte=timezone.now(), version__withdrawn_at=None, disabled_at=None
    )
    lately = Citation.objects.order_by("-pk").values_list("passage_id", flat=True)[:CITED_LATELY]
    cited = list(dict.fromkeys(lately))[:MOST]
    there = set(in_force.filter(pk__in=cited).values_list("pk", flat=True))
    newest = in_force.order_by("-pk").values_list("pk", flat=True)[:MOST]
    return list(dict.fromkeys([*(one for one in cited if one in there), *newest]))[:MOST]


def _search_once() -> None:
    """As anybody would, for nobody: what a search loads and prepares the first time is there then."""
    if person := User.objects.filter(is_active=True).order_by("pk").first():
        search(user=person, query="What is new here?")


def _remember(ids: list[UUID]) -> None:
    remember(list(Passage.objects.filter(pk__in=ids)))
