"""How a model gets onto this machine and into the registry: packaged, from a folder, or from a hub at a fixed
revision.
"""

import json
import os
import re
import tempfile
from pathlib import Path

from app.embedded.paths import data_folder
from app.errors import BadInputError, UnavailableError
from app.inference.folders import SAFE_PATTERNS, Progress, digest_files, read_manifest, take_in, verify_files
from app.inference.models import Model, Role
from app.inference.registry import ensure_model

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
REVISION = re.compile(r"[0-9a-f]{40}")


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
        raise BadInputError(
            f"{name} is not packaged ({', '.join(PACKAGED)} are). Say --from FOLDER or --repo and --revision."
        )
    try:
        folder = ensure_files(PACKAGED[name])
    except EmbeddedError as error:
        raise BadInputError(str(error)) from error
    is_encoder = (folder / "model.bin").exists()
    return ensure_model(
        name=name,
        role=Role.EMBED if is_encoder else Role.GENERATE,
        licence=PACKAGED[name].licence,
        revision=PACKAGED[name].requirement,
        context_tokens=256 if is_encoder else 4096,
        files=read_manifest(folder),
        is_demonstration=not is_encoder,
    )


def pull_folder(
    name: str, source: Path, *, licence: str = "", revision: str = "", progress: Progress | None = None
) -> Model:
    """Copy a folder of weights into the data folder and register its files. Refuses what could run code."""
    target = model_folder(name)
    about = {"name": name, "source": revision or str(source), "licence": licence}
    files = take_in(source, target, about, progress)
    return ensure_model(
        name=name, files=files, licence=licence, revision=revision, context_tokens=_context_tokens(target)
    )


def pull_from_hub(name: str, repo: str, revision: str, progress: Progress | None = None) -> Model:
    """Download ``repo`` at a commit, from HF_ENDPOINT if that is set, and register it. A branch or tag is
    refused: it can come to mean other bytes.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if not REVISION.fullmatch(revision):
        raise BadInputError("--revision must be a commit of 40 hexadecimal digits; branches and tags can move.")
    model_folder(name).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model_folder(name).parent, prefix=".pull-") as folder:
        try:
            snapshot_download(
                repo,
                revision=revision,
                local_dir=folder,
                allow_patterns=SAFE_PATTERNS,
                endpoint=os.environ.get("HF_ENDPOINT"),
            )
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
            raise UnavailableError(f"{repo} cannot be fetched: {str(error).splitlines()[0]}") from error
        return pull_folder(name, Path(folder), revision=f"{repo}@{revision}", progress=progress)


def verify(name: str, progress: Progress | None = None) -> dict[str, str]:
    """Recompute every file's sha256; returns them. Raises TamperedModelError at the first difference."""
    folder = model_folder(name)
    model = Model.objects.filter(name=name).first()
    if model is None and not folder.exists():
        raise BadInputError(f"There is no model {name}.")
    if model is not None and not model.files and not folder.exists():
        raise BadInputError(f"{name} runs elsewhere; there are no files of it here.")
    expected = (model.files if model else None) or read_manifest(folder)
    verify_files(folder, expected, progress)
    return expected


def register_folder(name: str, folder: Path, progress: Progress | None = None) -> Model:
    """Register a folder where it lies, hashing every file: what ``serve_model --path`` does the first time."""
    from app.inference.folders import refuse_unsafe

    refuse_unsafe(folder)
    return ensure_model(name=name, files=digest_files(folder, progress), context_tokens=_context_tokens(folder))


def _context_tokens(folder: Path) -> int | None:
    try:
        value = json.loads((folder / "config.json").read_text()).get("max_position_embeddings")
    except (OSError, ValueError, AttributeError):
        return None
    return value if isinstance(value, int) and value > 0 else None
