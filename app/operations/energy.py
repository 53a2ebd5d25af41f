"""Watt-hours in words that mean something: what else runs for how long on as much."""

from __future__ import annotations

LAMP_WATTS, LAPTOP_WATTS, KETTLE_WATT_HOURS = 8, 30, 110


def in_words(watt_hours: float) -> str:
    """``"as much as an LED lamp needs in 6 minutes"``; empty for nothing."""
    if watt_hours <= 0:
        return ""
    if watt_hours < LAMP_WATTS:
        return f"as much as an LED lamp of {LAMP_WATTS} watts needs in {_for_how_long(watt_hours / LAMP_WATTS)}"
    if watt_hours < KETTLE_WATT_HOURS:
        return f"as much as a laptop needs in {_for_how_long(watt_hours / LAPTOP_WATTS)}"
    times = watt_hours / KETTLE_WATT_HOURS
    return f"as much as boiling a litre of water takes, {times:,.0f} time{'' if round(times) == 1 else 's'}"


def _for_how_long(hours: float) -> str:
    seconds = hours * 3600
    if seconds < 90:
        return "a second" if seconds < 1.5 else f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{hours:.0f} hours"
