"""Folders of weights for tests: real safetensors, of a model with one layer that adapters can be made for."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HIDDEN = 16


def make_model(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 2048, "hidden_size": HIDDEN} | config))
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    save_file({"model.layers.0.self_attn.q_proj.weight": np.ones((HIDDEN, HIDDEN))}, folder / "model.safetensors")
    return folder


def make_adapter(folder: Path, rank: int = 4, hidden: int = HIDDEN, **config: object) -> Path:
    """As peft writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    defaults = {"peft_type": "LORA", "r": rank, "bias": "none", "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(defaults | config))
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    pair = {f"{layer}.lora_A.weight": np.ones((rank, hidden)), f"{layer}.lora_B.weight": np.ones((hidden, rank))}
    save_file(pair, folder / "adapter_model.safetensors")
    return folder
