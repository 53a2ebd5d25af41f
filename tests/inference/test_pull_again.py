"""An interrupted pull of a folder goes on; two at once, or another under the same name, do not get mixed."""

import threading
from pathlib import Path

import pytest
from django.core.management import call_command

from app.embedded.paths import data_folder
from app.errors import BadInputError, ConflictError, UnavailableError
from app.inference.models import Model
from app.inference.weights.catalogue import known_models
from app.inference.weights.pulling import NAME, REVISION, About, model_folder, pull_folder, verify
from app.inference.weights.signatures import Signer
from tests.inference.weights import make_model

pytestmark = pytest.mark.django_db
NUMBERS = iter(range(1000))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_model(tmp_path / "source")


@pytest.fixture
def name() -> str:
    return f"again-{next(NUMBERS)}"


class Interrupt(Exception):
    """Stands in for whatever ends a pull in its middle."""


def interrupted_at(name: str, source: Path, deed: str) -> Path:
    def stop(told: str, _done: int, _total: int) -> None:
        if told == deed:
            raise Interrupt

    with pytest.raises(Interrupt):
        pull_folder(name, source, progress=stop)
    assert not model_folder(name).exists() and not Model.objects.filter(name=name).exists()
    return data_folder().models / f".pull-{name}"


def test_what_was_copied_is_not_copied_again(source: Path, name: str) -> None:
    draft = interrupted_at(name, source, "Copying model.safetensors")
    before = (draft / "config.json").stat().st_ino
    pull_folder(name, source)
    assert (model_folder(name) / "config.json").stat().st_ino == before
    assert verify(name) == Model.objects.get(name=name).files
    assert not draft.exists() and not list(model_folder(name).glob(".*"))


def test_a_file_that_changed_meanwhile_is_copied_again(source: Path, name: str) -> None:
    interrupted_at(name, source, "Checking config.json")
    (source / "tokenizer_config.json").unlink()
    (source / "config.json").write_text('{"max_position_embeddings": 5000}')
    model = pull_folder(name, source)
    assert model.context_tokens == 5000 and "tokenizer_config.json" not in model.files


def test_another_source_does_not_go_on_with_it(source: Path, name: str, tmp_path: Path) -> None:
    draft = interrupted_at(name, source, "Copying tokenizer_config.json")
    (draft / "model.safetensors").write_bytes(b"left from before")
    other = make_model(tmp_path / "other", hidden_size=3)
    pull_folder(name, other)
    assert (model_folder(name) / "config.json").read_bytes() == (other / "config.json").read_bytes()


def test_a_model_that_is_here_but_not_registered_is_checked_and_registered(source: Path, name: str) -> None:
    pull_folder(name, source)
    Model.objects.all().delete()
    assert pull_folder(name, source).files == verify(name)


def test_two_at_once_do_not_meet(source: Path, name: str) -> None:
    inside, goes_on = threading.Event(), threading.Event()

    def wait(_told: str, _done: int, _total: int) -> None:
        inside.set()
        goes_on.wait(10)
        raise Interrupt

    def first() -> None:
        with pytest.raises(Interrupt):
            pull_folder(name, source, progress=wait)

    thread = threading.Thread(target=first, daemon=True)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(ConflictError, match="by another command"):
        pull_folder(name, source)
    goes_on.set()
    thread.join(60)
    assert not thread.is_alive()
    pull_folder(name, source)


def test_a_full_disk_is_noticed_before(source: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.inference.weights.folders.SPARE_BYTES", 2**60)
    with pytest.raises(UnavailableError, match="are free"):
        pull_folder(name, source)
    assert not model_folder(name).exists()


def test_a_model_whose_signature_cannot_be_checked_is_not_taken(source: Path, name: str, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    with pytest.raises(BadInputError, match="is not a file"):
        pull_folder(name, source, About(signer=Signer(key)))
    key.write_text("not a key")
    with pytest.raises(BadInputError, match="is not signed"):
        pull_folder(name, source, About(signer=Signer(key)))
    (source / "model.sig").write_text("{}")
    with pytest.raises(Exception, match=r"pip install|does not hold"):
        pull_folder(name, source, About(signer=Signer(key)))
    assert not model_folder(name).exists()


def test_the_use_of_a_model_is_read_from_it(tmp_path: Path, name: str) -> None:
    reranker = make_model(tmp_path / "a", architectures=["XLMRobertaForSequenceClassification"])
    embedder = make_model(tmp_path / "b")
    (embedder / "modules.json").write_text("[]")
    seeing = make_model(tmp_path / "c", max_position_embeddings=None, text_config={"max_position_embeddings": 77})
    assert pull_folder(f"{name}-a", reranker).role == "rerank"
    assert pull_folder(f"{name}-b", embedder).role == "embed"
    assert pull_folder(f"{name}-c", seeing).context_tokens == 77
    assert pull_folder(f"{name}-d", seeing, About(role="guard")).role == "guard"


def test_the_catalogue_can_be_read_and_keeps_its_own_rules(capsys: pytest.CaptureFixture[str]) -> None:
    for known in known_models().values():
        assert NAME.fullmatch(known.name) and known.licence and known.context_tokens
        assert bool(known.repo) != bool(known.packaged)
        assert not known.revision or REVISION.fullmatch(known.revision)
    call_command("models", "list", "--catalogue")
    said = capsys.readouterr().out
    assert "Qwen/Qwen3-8B" in said and "say --revision" in said


def test_a_packaged_model_has_the_digest_that_the_catalogue_says() -> None:
    from app.embedded.weights import PACKAGED

    packaged = {known.name: known.packaged_sha256 for known in known_models().values() if known.packaged}
    assert packaged == {name: model.sha256 for name, model in PACKAGED.items()}
