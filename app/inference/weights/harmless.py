"""What a model's folder may hold: kinds of files that no loader runs, each really being what its name says.

Weights come from strangers, and a pickle or a Python file in them is a program. So the kinds that are let in are
listed, not those that are kept out, and a name alone is not believed.
"""

import codecs
import json
from pathlib import Path
from typing import Any

from app.errors import BadInputError
from app.inference.errors import UnsafeModelError
from app.inference.weights.folders import list_files
from app.inference.weights.tensors import read_shapes

TEXTS = {".txt", ".md", ".jinja", ".tiktoken"}
PLAIN_NAMES = ("LICENSE", "LICENCE", "NOTICE", "COPYING", "USE_POLICY")
SIGNATURE = "model.sig"
RUNS_CODE = ("auto_map", "custom_pipelines")  # keys that send a loader to Python files
SAFE_PATTERNS = ["*.safetensors", "*.gguf", "*.json", "*.model", *(f"*{ending}" for ending in sorted(TEXTS))]
SAFE_PATTERNS += [*PLAIN_NAMES, SIGNATURE]
SAMPLE_BYTES = 65_536


def refuse_unsafe(folder: Path) -> None:
    """Raise UnsafeModelError, naming the file, when something in the folder could run when it is loaded."""
    for name in list_files(folder):
        _check(folder / name, name)


def refuse_incomplete(folder: Path) -> None:
    """Raise BadInputError when an index names a file of weights that is not there."""
    for index in folder.glob("*.safetensors.index.json"):
        for name in sorted({str(file) for file in _read(index).get("weight_map", {}).values()}):
            if "/" in name or not (folder / name).is_file():
                raise BadInputError(f"{index.name} names {name}, which is not in {folder}. The model is incomplete.")


def _check(path: Path, name: str) -> None:
    kind = path.suffix.lower()
    if kind == ".safetensors":
        read_shapes(path)
    elif kind == ".json":
        _refuse_code(_read(path), name)
    elif kind in TEXTS or path.name in PLAIN_NAMES or name == SIGNATURE:
        _refuse_binary(path, name)
    elif kind in BEGINNINGS:
        _refuse_disguise(path, name, BEGINNINGS[kind])
    elif not _is_ctranslate2(path):
        raise UnsafeModelError(
            f"{name} is refused: files of this kind can run code, or are not known to be harmless. "
            "Weights are taken as safetensors or GGUF; remove what is not needed."
        )


# A sentencepiece model is a protocol buffer whose first field is its pieces; a pickle or a zip begins otherwise.
BEGINNINGS = {".gguf": (b"GGUF",), ".model": (b"\x0a", b"\x12")}


def _refuse_disguise(path: Path, name: str, beginnings: tuple[bytes, ...]) -> None:
    with path.open("rb") as file:
        if not file.read(4).startswith(beginnings):
            raise UnsafeModelError(f"{name} is refused: it is not what its name says.")


def _refuse_binary(path: Path, name: str) -> None:
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError as error:
        raise UnsafeModelError(f"{name} is refused: it is not text.") from error
    if b"\0" in sample:
        raise UnsafeModelError(f"{name} is refused: it is not text.")


def _is_ctranslate2(path: Path) -> bool:
    """CTranslate2 calls its plain tensors model.bin too: a small version number, then the name of a specification.

    No pickle begins so: its first byte is a marker or a letter, never below 20.
    """
    if path.name != "model.bin":
        return False
    with path.open("rb") as file:
        head = file.read(64)
    return 0 < int.from_bytes(head[:4], "little") < 20 and b"Spec\0" in head


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnsafeModelError(f"{path.name} is not JSON.") from error


def _refuse_code(content: Any, name: str) -> None:
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if found := [key for key in RUNS_CODE if key in value]:
                raise UnsafeModelError(f"{name} is refused: it has an {found[0]}, which makes loaders run code.")
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
