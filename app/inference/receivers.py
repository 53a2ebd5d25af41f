"""What a change of the registry's rows sets off: every process hears of it. Whoever changes rows without loading them
says so itself.
"""

from __future__ import annotations

from typing import Any

from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from app.inference.models import Model, Worker
from app.inference.routing.news import tell_registry_changed

SIGNS_OF_LIFE = frozenset({"last_seen_at"})


@receiver(post_save, sender=Worker)
@receiver(post_save, sender=Model)
def tell_of_saved_row(sender: type, update_fields: frozenset[str] | None = None, **_: Any) -> None:
    if update_fields is None or not update_fields <= SIGNS_OF_LIFE:
        tell_registry_changed()


@receiver(post_delete, sender=Worker)
@receiver(m2m_changed, sender=Worker.adapters.through)
def tell_of_changed_rows(sender: type, **_: Any) -> None:
    tell_registry_changed()
