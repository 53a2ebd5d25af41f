"""What tests of index generations share: another model over real HTTP, documents to find, and the builder as a loop."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from app.inference.models import Model, Role
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer
from knowledge.index.building import build
from knowledge.index.rebuilding import start_generation
from knowledge.models import IndexGeneration, Source
from knowledge.retrieval import search
from tests.knowledge.conftest import Publish

PAY = "# Pay\n\nSalaries are paid on the 25th of each month."
MEALS = "# Meals\n\nThe canteen serves lunch from noon to two."


@pytest.fixture
def other(scripted_server: ScriptedServer) -> Model:
    """A model of the registry whose server makes vectors of 24 numbers."""
    scripted_server.dimensions = 24
    model = ensure_model(name="other", role=Role.EMBED)
    register_worker(model_name="other", address=scripted_server.url)
    return model


@pytest.fixture
def published(publish: Publish, handbook: Source) -> Source:
    publish(handbook)
    publish(handbook, "pay.md", PAY)
    return handbook


def finish(generation: IndexGeneration) -> IndexGeneration:
    """Build as the task does: slice after slice, without its pauses."""
    again = build(generation.pk)
    while again:
        again = build(generation.pk, again.fence)
    generation.refresh_from_db()
    return generation


def built(ada: User, model: Model | None) -> IndexGeneration:
    return finish(start_generation(actor=ada, model=model))


def best(user: User, query: str) -> str:
    return search(user=user, query=query)[0].document_title


def lapse(generation: IndexGeneration) -> None:
    IndexGeneration.objects.filter(pk=generation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
