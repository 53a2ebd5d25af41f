"""LoRA adapters: small files of weights that vLLM adds to a model it already holds.

An adapter is only taken for a base that it fits: what counts is not the name it gives but whether each of its pairs
of matrices has the shape of the base's layer.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import BadInputError
from app.inference.errors import UnsafeModelError
from app.inference.weights.tensors import Shapes, read_shapes

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."  # what peft puts before the base's own names
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM can be told to make room for
WITHOUT = {
    "modules_to_save": "whole layers of its own",
    "use_dora": "DoRA",
    "trainable_token_indices": "tokens of its own",
    "alora_invocation_tokens": "activation by certain tokens",
}


@dataclass(frozen=True)
class Adapter:
    """An adapter on this machine: what vLLM calls it, where it lies, and the rank of its largest pair."""

    name: str
    folder: Path
    rank: int


def is_adapter(folder: Path) -> bool:
    return (folder / CONFIG).exists()


def room_for(adapters: tuple[Adapter, ...]) -> int:
    """The smallest rank that vLLM knows and that all of them fit in."""
    return next(rank for rank in RANKS if rank >= max(adapter.rank for adapter in adapters))


def check_adapter(folder: Path, base: str, base_folder: Path, base_repo: str = "") -> int:
    """The adapter's rank. Raises BadInputError, saying why, unless vLLM can serve it with this base.

    The shapes are compared where the base's weights are on this machine; ``base_repo`` is where those came from.
    """
    config = _read_config(folder)
    named = str(config.get("base_model_name_or_path") or "")
    if base_repo and named.count("/") == 1 and not named.startswith((".", "/")) and named.lower() != base_repo.lower():
        raise BadInputError(f"This adapter was made for {named}, and {base} is {base_repo}.")
    pairs = _pairs(read_shapes(folder / WEIGHTS))
    shapes = _shapes_below(base_folder)
    for layer, (rank, wide, tall) in pairs.items():
        if shapes and (tall, wide) not in shapes.get(_tail(layer), {(tall, wide)} if _is_packed(shapes, layer) else ()):
            raise BadInputError(f"This adapter does not fit {base}: there is no {layer} of {tall} × {wide} in it.")
        if rank > RANKS[-1]:
            raise BadInputError(f"This adapter's rank is {rank}; vLLM takes at most {RANKS[-1]}.")
    return max(rank for rank, _, _ in pairs.values())


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{folder} is no LoRA adapter: it has no {CONFIG} that can be read.") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise BadInputError(f"{folder} is no LoRA adapter: the peft_type in its {CONFIG} is not LORA.")
    if not (folder / WEIGHTS).is_file():
        raise BadInputError(f"{folder} has no {WEIGHTS}.")
    for option, name in WITHOUT.items():
        if config.get(option):
            raise BadInputError(f"This adapter uses {name} ({option}), which vLLM does not serve.")
    if config.get("bias", "none") != "none":
        raise BadInputError("This adapter changes biases (bias), which vLLM does not serve.")
    return config


def _pairs(tensors: Shapes) -> dict[str, tuple[int, int, int]]:
    """Rank, inputs and outputs of each adapted layer, by the layer's name in the base."""
    pairs = {}
    for name, shape in tensors.items():
        layer, _, kind = name.removeprefix(PREFIX).rpartition(".lora_")
        if kind == "A.weight" and len(shape) == 2:
            other = tensors.get(name.replace(".lora_A.", ".lora_B."), ())
            if len(other) != 2 or other[1] != shape[0]:
                raise BadInputError(f"{name} has no second half that it can be multiplied with.")
            pairs[layer] = (shape[0], shape[1], other[0])
        elif kind != "B.weight" or name.replace(".lora_B.", ".lora_A.") not in tensors:
            raise BadInputError(f"{name} is not a part of a LoRA adapter that vLLM serves.")
    if not pairs:
        raise BadInputError("This adapter holds no weights.")
    return pairs


def _shapes_below(folder: Path) -> dict[str, set[tuple[int, ...]]]:
    """The shapes of a base's layers. Empty where its weights are elsewhere."""
    found: dict[str, set[tuple[int, ...]]] = {}
    for file in sorted(folder.glob("*.safetensors")) if folder.is_dir() else ():
        try:
            shapes = read_shapes(file)
        except UnsafeModelError as error:
            raise BadInputError(f"The base's {error.message}") from error
        for name, shape in shapes.items():
            layer, _, part = name.rpartition(".")
            found.setdefault(_tail(layer), set()).update({shape} if part == "weight" else ())
    return found


def _tail(layer: str) -> str:
    """A layer's name without what differs between a checkpoint and the model that is built from it."""
    at = layer.find("layers.")
    return layer[at:] if at >= 0 else layer


def _is_packed(shapes: dict[str, set[tuple[int, ...]]], layer: str) -> bool:
    """Whether the base has this layer in a quantised form, whose shape says nothing."""
    return _tail(layer) in shapes and not shapes[_tail(layer)]
