"""``{{ error.message|said }}``: what code says in English, in the reader's language."""

from __future__ import annotations

from django import template

from app.web import saying

register = template.Library()
register.filter("said", saying.said)
