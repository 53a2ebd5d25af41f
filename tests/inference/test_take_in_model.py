"""Model folders from strangers: what is refused, and that every change is noticed."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from app.embedded.paths import data_folder
from app.errors import BadInputError, ConflictError
from app.inference.errors import TamperedModelError, UnsafeModelError
from app.inference.models import Model
from app.inference.weights.harmless import refuse_unsafe
from app.inference.weights.pulling import About, model_folder, pull_folder, pull_from_hub, register_folder, verify
from tests.inference.weights import make_model

pytestmark = pytest.mark.django_db
NAMES = iter(f"model-{number}" for number in range(1000))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = make_model(tmp_path / "source", max_position_embeddings=4096, layers=[{"kind": "plain"}])
    (folder / "tokenizer_config.json").unlink()
    (folder / "nested").mkdir()
    (folder / "nested" / "tokenizer.json").write_text("{}")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "note").write_text("left out")
    return folder


@pytest.fixture
def name() -> str:
    return next(NAMES)


def test_a_safe_folder_is_copied_named_by_its_hashes_and_verified(source: Path, name: str) -> None:
    model = pull_folder(name, source, About(licence="MIT"))
    assert sorted(model.files) == ["config.json", "model.safetensors", "nested/tokenizer.json"]
    assert (model.context_tokens, model.licence, model.revision) == (4096, "MIT", "")
    assert verify(name) == model.files
    assert not (model_folder(name) / ".cache").exists()


def _rewrite(folder: Path) -> None:
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-1] + b"!")


def _remove(folder: Path) -> None:
    (folder / "nested" / "tokenizer.json").unlink()


def _add(folder: Path) -> None:
    (folder / "extra.json").write_text("{}")


def _forge_manifest(folder: Path) -> None:
    _rewrite(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {"model.safetensors": "0" * 64}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"files": files}))


@pytest.mark.parametrize("change", [_rewrite, _remove, _add, _forge_manifest])
def test_every_change_is_noticed_and_named(source: Path, name: str, change: Callable[[Path], None]) -> None:
    pull_folder(name, source)
    change(model_folder(name))
    with pytest.raises(TamperedModelError, match=r"safetensors|tokenizer|extra"):
        verify(name)


@pytest.mark.parametrize(
    "file",
    [
        "modeling.py",
        "pytorch_model.bin",
        "a.pt",
        "a.PKL",
        "nested/b.ckpt",
        "lib.so",
        "run.sh",
        "x.pickle",
        "a.h5",
        "a.onnx",
        "a.msgpack",
        "a.zip",
        "unknown",
        "README",
        "a.json.py",
        "LICENSE.py",
        "Makefile",
    ],
)
def test_files_that_can_run_code_are_refused(source: Path, name: str, file: str) -> None:
    (source / file).write_bytes(b"anything")
    with pytest.raises(UnsafeModelError, match=Path(file).name):
        pull_folder(name, source)
    assert not model_folder(name).exists() and not Model.objects.exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"\x80\x04pickle" * 20),
        ("model.safetensors", b"PK\x03\x04" + b"\0" * 100),
        ("model.safetensors", b""),
        ("other.gguf", b"\x80\x04pickle"),
        ("tokenizer.model", b"PK\x03\x04archive"),
        ("tokenizer.model", b"\x80\x04pickle"),
        ("vocab.txt", b"\x80\x04pickle"),
        ("merges.txt", b"text\0more"),
        ("chat_template.jinja", b"\x7fELF\x02\0\0"),
        ("LICENSE", b"#!\xff"),
        ("model.sig", b"\x80\x04pickle"),
        ("TOKENIZER_CONFIG.JSON", b'{"auto_map": {}}'),
        ("nested/manifest.json", b'{"auto_map": {}}'),
        ("tokenizer_config.json", b'{"auto\\u005fmap": {"AutoTokenizer": ["t.T", null]}}'),
        ("config.json", b'{"custom_pipelines": {"x": {"impl": "x.X"}}}'),
        ("config.json", '{"auto_map": {}}'.encode("utf-16")),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(source: Path, name: str, file: str, content: bytes) -> None:
    (source / file).write_bytes(content)
    with pytest.raises(UnsafeModelError, match=Path(file).name.replace(".", r"\.")):
        pull_folder(name, source)
    assert not model_folder(name).exists() and not Model.objects.exists()


@pytest.mark.parametrize(
    "content",
    ['{"auto_map": {"AutoModel": "m.M"}}', '{"text": [{"deep": {"auto_map": {}}}]}', "not json", "[" * 100_000],
)
def test_configurations_that_fetch_code_are_refused(source: Path, name: str, content: str) -> None:
    (source / "config.json").write_text(content)
    with pytest.raises(UnsafeModelError):
        pull_folder(name, source)


def test_a_pickle_does_not_pass_as_ctranslate2_by_its_name_alone(source: Path) -> None:
    (source / "model.bin").write_bytes(b"\x80\x04pickle")
    (source / "vocabulary.json").write_text("[]")
    with pytest.raises(UnsafeModelError, match=r"model\.bin"):
        refuse_unsafe(source)


def test_the_packaged_encoder_is_not_refused(embedding_weights: Path) -> None:
    refuse_unsafe(embedding_weights)


def test_a_link_out_of_the_folder_is_refused(source: Path, name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    (source / "config.json").unlink()
    (source / "config.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(UnsafeModelError, match="link"):
        pull_folder(name, source)


def test_a_linked_folder_is_refused(source: Path, name: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (source / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeModelError, match="more"):
        pull_folder(name, source)


def test_what_is_no_plain_file_is_refused_instead_of_waited_for(source: Path, name: str) -> None:
    os.mkfifo(source / "vocab.txt")
    with pytest.raises(UnsafeModelError, match=r"vocab\.txt"):
        pull_folder(name, source)


def test_a_model_of_which_a_part_is_missing_is_refused(source: Path, name: str) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (source / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BadInputError, match="00002-of-00002"):
        pull_folder(name, source)
    assert not model_folder(name).exists()


@pytest.mark.parametrize("bad", ["../up", "a/b", "", ".hidden", "Big", "x" * 200, "a\nb"])
def test_a_name_cannot_lead_elsewhere(source: Path, bad: str) -> None:
    with pytest.raises(BadInputError):
        pull_folder(bad, source)


def test_a_model_is_not_replaced_by_another_of_the_same_name(source: Path, name: str) -> None:
    pull_folder(name, source)
    with pytest.raises(BadInputError, match="there already"):
        pull_folder(name, source)
    _rewrite(source)
    with pytest.raises(ConflictError):
        register_folder(name, source)


def test_a_branch_of_a_hub_is_refused(name: str) -> None:
    with pytest.raises(BadInputError, match="40"):
        pull_from_hub(name, "org/m", "main")


@pytest.mark.parametrize("two", [("--from", "--repo"), ("--signature-key", "--signature-certificate")])
def test_two_that_exclude_each_other_are_refused(name: str, two: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("models", "pull", name, two[0], "a", two[1], "b")


def test_the_command_pulls_verifies_and_lists(source: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("models", "pull", name, "--from", str(source), "--licence", "MIT")
    call_command("models", "verify", name)
    call_command("models", "list")
    said = capsys.readouterr().out
    assert f"{name}: 3 files are as they were registered" in said
    assert f"{name} " in said and "MIT" in said
    (data_folder().models / name / "config.json").write_text("{}")
    with pytest.raises(CommandError, match=r"config\.json"):
        call_command("models", "verify", name)
    with pytest.raises(CommandError, match="no model"):
        call_command("models", "verify", "nothing")
    with pytest.raises(CommandError, match="not in the catalogue"):
        call_command("models", "pull", "nothing")


def test_the_packaged_model_is_registered_with_its_hashes(embedding_weights: Path) -> None:
    call_command("models", "pull", embedding_weights.name)
    call_command("models", "verify", embedding_weights.name)
    model = Model.objects.get()
    assert (model.role, model.licence) == ("embed", "Apache-2.0")
    assert "model.bin" in model.files
