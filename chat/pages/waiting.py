"""What somebody whose answer is held is told while they wait: whether it is being read, its place, and how long."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.utils.translation import ngettext

from moderation.review.standing import Standing

MINUTE, HOUR, DAY = 60, 3600, 86_400
STEPS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90)  # minutes


@dataclass(frozen=True)
class WaitView:
    """What ``chat/_standing.html`` draws."""

    place: int
    is_claimed: bool
    is_appeal: bool
    usual: str

    @classmethod
    def of(cls, standing: Standing) -> WaitView:
        usual = "" if standing.usual_seconds is None else usually(standing.usual_seconds)
        return cls(standing.place, standing.is_claimed, standing.is_appeal, usual)

    @property
    def mark(self) -> str:
        """Changes with what is told."""
        return f"{self.place}-{int(self.is_claimed)}-{self.usual}".replace(" ", "")


def usually(seconds: float) -> str:
    """A time that half of the latest decisions kept, rounded up to one that people say."""
    minutes = next((step for step in STEPS if seconds <= step * MINUTE), None)
    if minutes:
        return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
    if seconds <= 36 * HOUR:
        hours = math.ceil(seconds / HOUR)
        return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}
    days = math.ceil(seconds / DAY)
    return ngettext("%(count)s day", "%(count)s days", days) % {"count": days}
