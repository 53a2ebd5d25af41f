"""Model folders: what may be in one, and whether it is still what was registered.

Weights come from strangers. A folder is taken only if nothing in it can run when it is loaded: no Python, no
pickles, no ``auto_map`` that would fetch code. Its files are then named by their sha256 in ``manifest.json``
and in the registry.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from app.errors import BadInputError
from app.inference.errors import TamperedModelError, UnsafeModelError

MANIFEST = "manifest.json"
REFUSED_ENDINGS = {".py", ".pyc", ".so", ".sh", ".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy"}
SAFE_PATTERNS = ["*.safetensors", "*.gguf", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.md", "LICENSE*"]
Progress = Callable[[str], None]


def list_files(folder: Path) -> list[str]:
    """Every file's path below ``folder``, hidden ones and the manifest left out. Raises on links that lead
    outside.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder} is not a folder.")
    root = folder.resolve()
    names = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_dir() or name.name == MANIFEST or any(part.startswith(".") for part in name.parts):
            continue
        if not path.resolve().is_relative_to(root):
            raise UnsafeModelError(f"{name} is a link that leads out of the model's folder. Copy the file itself.")
        names.append(name.as_posix())
    if not names:
        raise BadInputError(f"{folder} holds no files.")
    return names


def refuse_unsafe(folder: Path) -> None:
    """Raise UnsafeModelError when something in the folder could run when it is loaded."""
    names = list_files(folder)
    for name in names:
        path = folder / name
        if path.suffix.lower() in REFUSED_ENDINGS and not _is_ctranslate2(path):
            raise UnsafeModelError(f"{name} is refused: files of this kind can run code. Use safetensors or GGUF.")
        if path.suffix == ".json" and _has_auto_map(path):
            raise UnsafeModelError(f"{name} is refused: it has an auto_map, which makes loaders run code.")


def _is_ctranslate2(path: Path) -> bool:
    """CTranslate2 calls its plain tensors model.bin too: a small version number, then the name of a specification.

    No pickle begins so: its first byte is a marker or a letter, never below 20.
    """
    if path.name != "model.bin":
        return False
    with path.open("rb") as file:
        head = file.read(64)
    return 0 < int.from_bytes(head[:4], "little") < 20 and b"Spec\0" in head


def _has_auto_map(path: Path) -> bool:
    try:
        content = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise UnsafeModelError(f"{path.name} is not JSON.") from error
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "auto_map" in value:
                return True
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False


def digest_files(folder: Path, progress: Progress | None = None) -> dict[str, str]:
    """sha256 of every file, by its path in the folder. ``progress`` is told each file's name before it is
    read.
    """
    digests = {}
    for name in list_files(folder):
        if progress:
            progress(name)
        with (folder / name).open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def verify_files(folder: Path, expected: dict[str, str], progress: Progress | None = None) -> None:
    """Raise TamperedModelError naming the first file that is missing, changed or new."""
    found = digest_files(folder, progress)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise TamperedModelError(f"{name} is missing from {folder}.")
        if name not in expected:
            raise TamperedModelError(f"{name} in {folder} was not there when the model was registered.")
        if found[name] != expected[name]:
            raise TamperedModelError(f"{name} in {folder} has changed since the model was registered.")


def take_in(source: Path, target: Path, about: dict[str, str], progress: Progress | None = None) -> dict[str, str]:
    """Copy a safe model folder to ``target`` with a manifest; whole or not at all. Returns the files' sha256.

    Raises BadInputError when ``target`` is there already, UnsafeModelError when the folder is refused.
    """
    if target.exists():
        raise BadInputError(f"{target} is there already. Verify it, or give the model another name.")
    refuse_unsafe(source)
    draft = target.with_name(f".new-{target.name}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for name in list_files(source):
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, draft / name)
        refuse_unsafe(draft)  # what was copied, should the source have changed meanwhile
        files = digest_files(draft, progress)
        (draft / MANIFEST).write_text(json.dumps(about | {"files": files}, indent=1))
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return files


def read_manifest(folder: Path) -> dict[str, str]:
    """The sha256 that the folder's own manifest gives for each file. Raises TamperedModelError without one."""
    try:
        files: dict[str, str] = json.loads((folder / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TamperedModelError(f"{folder} has no manifest that can be read.") from error
    return files
