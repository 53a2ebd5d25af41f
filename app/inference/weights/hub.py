"""Downloads a commit of a repository from a hub into a folder, going on where an earlier attempt was cut off.

Only kinds of files that are let in are asked for. A file that is here whole is not fetched again, which the hub's own
library sees to in ``.cache`` of the folder; one that was cut off begins anew.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.errors import UnavailableError
from app.inference.weights.folders import Progress, check_room
from app.inference.weights.harmless import SAFE_PATTERNS

LOOK_SECONDS = 0.2


def download(repo: str, revision: str, folder: Path, progress: Progress | None = None) -> None:
    """Fill ``folder`` with ``repo`` at the commit ``revision``, from HF_ENDPOINT if that is set.

    Raises UnavailableError when the hub does not give it or the disk is too small.
    """
    from huggingface_hub import errors, snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]  # of the library that it is built on

    disable_progress_bars()
    for remains in (folder / ".cache").rglob("*.incomplete"):  # of a download that was killed; nobody reads them again
        remains.unlink()

    def snapshot(*, dry_run: bool) -> object:
        return snapshot_download(
            repo,
            revision=revision,
            local_dir=folder,
            allow_patterns=SAFE_PATTERNS,
            endpoint=os.environ.get("HF_ENDPOINT"),
            dry_run=dry_run,
        )

    try:
        files: list[Any] = snapshot(dry_run=True)  # type: ignore[assignment]  # what a dry run gives
        check_room(folder, sum(file.file_size or 0 for file in files if file.will_download))
        total = sum(file.file_size or 0 for file in files)
        with _watched(folder, f"Fetching {repo}", total, progress):
            snapshot(dry_run=False)
    except (http_error, errors.HFValidationError, errors.XetDownloadError, OSError) as error:
        cause = error.__cause__ if isinstance(error, errors.DryRunError) and error.__cause__ else error
        why = str(cause).splitlines()[0].rstrip(".") if str(cause) else type(cause).__name__
        raise UnavailableError(
            f"{repo} cannot be fetched: {why}. What has arrived is kept; the same command goes on with it."
        ) from error


@contextlib.contextmanager
def _watched(folder: Path, deed: str, total: int, progress: Progress | None) -> Iterator[None]:
    """Tell how the folder grows while the body runs."""
    ended = threading.Event()

    def look() -> None:
        while progress and not ended.wait(LOOK_SECONDS):
            progress(deed, min(_bytes_below(folder), total), total)

    watcher = threading.Thread(target=look, name="pull-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    if progress:
        progress(deed, total, total)


def _bytes_below(folder: Path) -> int:
    """What the folder's files really take: a download may reserve its whole length before the bytes are there."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                found = (Path(parent) / name).stat()
                total += min(found.st_size, found.st_blocks * 512)
    return total
