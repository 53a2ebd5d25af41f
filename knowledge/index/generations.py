"""Which index generation serves, and how text becomes vectors for a generation.

The row decides, not the process: who searches reads it once and stays with that generation to the end, so a swap is
seen at once everywhere and disturbs nobody. A generation's vectors are made by the model that it names, wherever that
model runs now, so a changed setting leaves the index in service for as long as its model can be reached.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from django.db import IntegrityError, transaction

from app.inference.embedding.local import Embedder, embedder_of, embedding_name, find_embedder, own_embedder
from knowledge.errors import IndexMismatchError
from knowledge.models import IndexGeneration

Vectors = npt.NDArray[np.float32]


def serving_generation() -> IndexGeneration:
    """The generation that searches use, with its model; made on first use by the installation's own embedder.

    One statement. Raises UnavailableError when the first one cannot be made.
    """
    serving = IndexGeneration.objects.select_related("model").filter(is_serving=True)
    found = serving.first()
    if found is None:
        embedder = own_embedder()
        try:
            with transaction.atomic():
                found = IndexGeneration.objects.create(
                    embedding_name=embedder.name, dimensions=embedder.dimensions(), is_serving=True
                )
        except IntegrityError:
            found = serving.get()  # another process was first
    return found


def embed_query(generation: IndexGeneration, text: str) -> Vectors:
    """The question's vector for this generation: unit length, shape (generation.dimensions,).

    Raises IndexMismatchError when nothing here makes such vectors, UnavailableError when its server does not answer.
    """
    vector = embedder_for(generation).embed_query(text)
    _check(generation, vector.shape[0])
    return vector


def embed_passages(generation: IndexGeneration, texts: Sequence[str]) -> Vectors:
    """One row of unit length for each text, shape (len(texts), generation.dimensions). Raises as ``embed_query``."""
    if not texts:
        return np.zeros((0, generation.dimensions), dtype=np.float32)
    vectors = embedder_for(generation).embed_passages(texts)
    _check(generation, vectors.shape[1])
    return vectors


def warm_up() -> None:
    """Load the model that answers the next search, so that nobody waits for it. Raises as ``embed_query``."""
    serving = IndexGeneration.objects.select_related("model").filter(is_serving=True).first()
    (embedder_for(serving) if serving else own_embedder()).embed_query("warm up")


def count_tokens(generation: IndexGeneration, text: str) -> int | None:
    """How many tokens the generation's model makes of ``text``; None where only its server knows."""
    return embedder_for(generation).count_tokens(text)


def embedder_for(generation: IndexGeneration) -> Embedder:
    """The embedder whose vectors this generation holds. Raises IndexMismatchError, UnavailableError."""
    if generation.model is not None:
        return embedder_of(generation.model)
    found = find_embedder(generation.embedding_name)
    if found is None:
        raise IndexMismatchError(
            f"The knowledge was indexed with {generation.embedding_name}, and only {embedding_name()} can be reached "
            "now. Set the earlier model again, or register it with its server, or build the index anew."
        )
    return found


def _check(generation: IndexGeneration, made: int) -> None:
    """Vectors of another length come from another model, whatever name it goes by."""
    if made != generation.dimensions:
        raise IndexMismatchError(
            f"{generation.embedding_name} makes vectors of {made} numbers now; those of the index have "
            f"{generation.dimensions}. Set the earlier model again, or build the index anew."
        )
