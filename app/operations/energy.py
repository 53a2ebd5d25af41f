"""Watt-hours in words that mean something: what else runs for how long on as much."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from app.web.saying import written

LAMP_WATTS, LAPTOP_WATTS, KETTLE_WATT_HOURS = 8, 30, 110


def in_words(watt_hours: float) -> str:
    """``"as much as an LED lamp needs in 6 minutes"``; empty for nothing."""
    if watt_hours <= 0:
        return ""
    if watt_hours < LAMP_WATTS:
        return _("as much as an LED lamp of %(watts)s watts needs in %(time)s") % {
            "watts": LAMP_WATTS,
            "time": _for_how_long(watt_hours / LAMP_WATTS),
        }
    if watt_hours < KETTLE_WATT_HOURS:
        return _("as much as a laptop needs in %(time)s") % {"time": _for_how_long(watt_hours / LAPTOP_WATTS)}
    times = watt_hours / KETTLE_WATT_HOURS
    return ngettext(
        "as much as boiling a litre of water takes, %(times)s time",
        "as much as boiling a litre of water takes, %(times)s times",
        round(times),
    ) % {"times": written(times)}


def _for_how_long(hours: float) -> str:
    seconds = hours * 3600
    if seconds < 90:
        count = max(1, round(seconds))
        return ngettext("a second", "%(count)s seconds", count) % {"count": count}
    if seconds < 5400:
        count = round(seconds / 60)
        return ngettext("%(count)s minute", "%(count)s minutes", count) % {"count": count}
    return ngettext("%(count)s hour", "%(count)s hours", round(hours)) % {"count": round(hours)}
