"""How the knowledge pages say when something was."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.timesince import timesince

register = template.Library()


@register.filter
def ago(at: datetime) -> str:
    """``just now``, ``3 minutes ago``, ``2 days ago``: the largest unit alone."""
    return "just now" if timezone.now() - at < timedelta(minutes=1) else f"{timesince(at, depth=1)} ago"


@register.filter
def lasted(begun: datetime, ended: datetime) -> str:
    """``4 s``, ``2 min 5 s``, ``3 h 20 min``: the two largest units of what lies between."""
    seconds = max(0, round((ended - begun).total_seconds()))
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
