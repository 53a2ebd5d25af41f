"""Where this installation keeps its data, and how its embedded parts are reached.

Everything follows from one folder, PARLEY_DATA_DIR (default: `var` in the clone), so that any command started from
another shell finds the running parts without being told. Nothing here needs a part to be running, and nothing imports
Django, because settings are built from these functions.
"""

import contextlib
import hashlib
import os
import secrets as randomness
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.embedded.errors import EmbeddedError

CLONE = Path(__file__).resolve().parents[2]
DATABASE_NAME = "parley"
OWNER_ROLE = "parley_owner"
APPLICATION_ROLE = "parley"

# For the folders above the private ones: root's PostgreSQL runs as another user, who must be able to pass through.
PASSAGE_MODE = 0o711 if os.getuid() == 0 else 0o700

# The kernel takes 107 bytes for the path of a unix socket; PostgreSQL adds "/postgres/.s.PGSQL.5432" (23 bytes).
_LONGEST_SOCKET_FOLDER = 76


@dataclass(frozen=True)
class DataFolder:
    """The folders and files of one installation. Naming them creates nothing."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def run(self) -> Path:
        """Locks, ports, sockets: what only matters while Parley runs."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def static(self) -> Path:
        return self.root / "static"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def audit(self) -> Path:
        """Checkpoints of the audit log, beside the database."""
        return self.root / "audit"

    @property
    def demo(self) -> Path:
        return self.root / "demo.json"

    @property
    def first_link(self) -> Path:
        """Where the first account can be made, while there is none (mode 600)."""
        return self.root / "first-account.txt"

    @property
    def bench(self) -> Path:
        return self.root / "bench"

    @property
    def sockets(self) -> Path:
        """Where unix sockets lie: `run`, or a short folder under /tmp where that path would be too long for one."""
        if len(os.fsencode(self.run)) <= _LONGEST_SOCKET_FOLDER:
            return self.run
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(f"/tmp/parley-{os.getuid()}-{digest}")  # noqa: S108 - created 0711 and checked for its owner

    @property
    def postgres_sockets(self) -> Path:
        return self.sockets / "postgres"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def llama_port(self) -> Path:
        return self.run / "llama.port"


def data_folder() -> DataFolder:
    """The folder named by PARLEY_DATA_DIR, absolute; `var` in the clone when the variable is unset or empty."""
    named = os.environ.get("PARLEY_DATA_DIR", "")
    root = Path(named).expanduser() if named else CLONE / "var"
    return DataFolder(root.resolve())


def database_url(role: Literal["owner", "application"]) -> str:
    """The embedded PostgreSQL as a libpq URL: over its unix socket, as the role that migrates or the plain one."""
    name = OWNER_ROLE if role == "owner" else APPLICATION_ROLE
    return f"postgresql://{name}@/{DATABASE_NAME}?host={data_folder().postgres_sockets}"


def valkey_url() -> str:
    return f"unix://{data_folder().valkey_socket}"


def llama_address() -> str | None:
    """Base URL (ending in /v1) of the embedded model server, or None where it has never been started."""
    try:
        port = int(data_folder().llama_port.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return f"http://127.0.0.1:{port}/v1"


def llama_key() -> str | None:
    """The key that the embedded model server asks for, or None where it has never been started."""
    try:
        return (data_folder().secrets / "llama-key").read_text()
    except FileNotFoundError:
        return None


def secret(name: str) -> str:
    """This installation's random secret of that name, made on first use (mode 600).

    Safe when several processes ask for the first time at once: the file appears whole or not at all, and the
    first wins. Raises EmbeddedError when it cannot be written.
    """
    folder = data_folder().secrets
    path = folder / name
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise EmbeddedError(f"Parley cannot read {path}: {error.strerror}. Was it started by another user?") from error
    try:
        folder.parent.mkdir(mode=PASSAGE_MODE, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=folder, prefix=".new-")  # mkstemp makes it mode 600
    except OSError as error:
        raise EmbeddedError(
            f"Parley cannot write to {folder}: {error.strerror}. Give it a folder of its own with PARLEY_DATA_DIR."
        ) from error
    try:
        with os.fdopen(handle, "w") as file:
            file.write(randomness.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # unlike rename, a link never replaces what another process has written
    finally:
        Path(draft).unlink()
    return path.read_text()
