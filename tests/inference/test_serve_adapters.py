"""LoRA adapters: taken in for a base that they fit, served beside it, and registered with the worker that has them."""

import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from safetensors.numpy import load_file, save_file

from app.inference.errors import TamperedModelError
from app.inference.models import Model, Worker
from app.inference.serving.service import Service, check_weights
from app.inference.serving.vllm import Plan, command_line
from app.inference.weights.adapters import Adapter, check_adapter, room_for
from app.inference.weights.pulling import model_folder
from tests.inference.test_serve_model import eventually, note, program, running, state
from tests.inference.weights import make_adapter, make_model

__all__ = ["program"]
pytestmark = pytest.mark.django_db(transaction=True)
NUMBERS = iter(range(1000))


@pytest.fixture
def base(tmp_path: Path) -> str:
    """A model on this machine that adapters can be made for."""
    name = f"base-{next(NUMBERS)}"
    call_command("models", "pull", name, "--from", str(make_model(tmp_path / "base")))
    return name


@pytest.fixture
def name() -> str:
    return f"tone-{next(NUMBERS)}"


def pull(name: str, folder: Path, base: str) -> Model:
    call_command("models", "pull", name, "--base", base, "--from", str(folder))
    return Model.objects.get(name=name)


def test_an_adapter_is_registered_with_its_base(base: str, name: str, tmp_path: Path) -> None:
    model = pull(name, make_adapter(tmp_path / "adapter"), base)
    assert model.base and model.base.name == base
    assert (model.role, model.context_tokens) == ("generate", 2048)
    assert sorted(model.files) == ["adapter_config.json", "adapter_model.safetensors"]


def test_an_adapter_without_its_base_is_refused(base: str, name: str, tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "adapter")
    with pytest.raises(CommandError, match="--base"):
        call_command("models", "pull", name, "--from", str(folder))
    with pytest.raises(CommandError, match="no model nothing"):
        pull(name, folder, "nothing")
    pull(name, folder, base)
    with pytest.raises(CommandError, match="an adapter itself"):
        pull(f"{name}-more", folder, name)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"peft_type": "IA3"}, "not LORA"),
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "whole layers"),
        ({"bias": "all"}, "biases"),
        ({"base_model_name_or_path": "org/other"}, "made for org/other"),
    ],
)
def test_what_vllm_does_not_serve_is_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    folder = make_adapter(tmp_path / "adapter", **change)
    with pytest.raises(Exception, match=reason):
        check_adapter(folder, "m", make_model(tmp_path / "base"), "org/m")


def test_an_adapter_of_another_shape_is_refused(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    with pytest.raises(Exception, match=r"does not fit m.*q_proj of 32 × 32"):
        check_adapter(make_adapter(tmp_path / "wide", hidden=32), "m", base)
    assert check_adapter(make_adapter(tmp_path / "fits", base_model_name_or_path="/home/me/m"), "m", base, "org/m") == 4


def test_halves_and_strangers_among_the_weights_are_refused(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "adapter")
    tensors = load_file(folder / "adapter_model.safetensors")
    first, second = sorted(tensors)
    for wrong in ({first: tensors[first]}, {second: tensors[second]}, tensors | {"lm_head.weight": np.ones((2, 2))}):
        save_file(wrong, folder / "adapter_model.safetensors")
        with pytest.raises(Exception, match=r"second half|not a part"):
            check_adapter(folder, "m", make_model(tmp_path / "base"))


def test_vllm_makes_room_for_the_largest() -> None:
    adapters = tuple(Adapter(f"a{rank}", Path("/a"), rank) for rank in (4, 20))
    assert room_for(adapters) == 32


def test_a_base_is_served_with_its_adapters(base: str, name: str, tmp_path: Path) -> None:
    pull(name, make_adapter(tmp_path / "adapter", rank=12), base)
    served = check_weights(Plan(base, model_folder(base)))
    assert served.adapters == (Adapter(name, model_folder(name), 12),)
    line = command_line(Plan(base, model_folder(base), more=("other=/tmp/other",)), served)
    assert line[line.index("--enable-lora") :][:5] == ["--enable-lora", "--max-lora-rank", "16", "--max-loras", "1"]
    module = json.loads(*line[line.index("--lora-modules") + 1 :])
    assert module == {"name": name, "path": str(model_folder(name)), "base_model_name": base}


def test_an_adapter_alone_or_a_changed_one_is_not_served(base: str, name: str, tmp_path: Path) -> None:
    pull(name, make_adapter(tmp_path / "adapter"), base)
    with pytest.raises(CommandError, match=f"serve_model {base}"):
        call_command("serve_model", name)
    make_adapter(model_folder(name), rank=8)
    with pytest.raises(TamperedModelError, match="has changed"):
        check_weights(Plan(base, model_folder(base)))


def test_the_worker_is_registered_with_what_it_has(base: str, name: str, tmp_path: Path, program: Path) -> None:
    adapter = pull(name, make_adapter(tmp_path / "adapter"), base)
    plan = Plan(base, model_folder(base), port=18_742, program=str(program), start_seconds=30)
    with running(Service(plan, check_weights(plan))):
        assert eventually(lambda: state() == "healthy")
        assert list(Worker.objects.get().adapters.all()) == [adapter]
        assert "--enable-lora" in note(tmp_path)["argv"]
