"""The parts that are Parley itself: how to prepare the database, and how to run web, worker and beat."""

import http.client
import sys

from app import environment
from app.embedded.paths import CLONE, DataFolder
from app.embedded.processes import Part

DRAIN_SECONDS = 20  # what a web process gets to finish its answers


def prepare_part() -> Part:
    """Migrations and whatever else must be in the database before anything serves; ends by itself."""
    return Part("prepare", [sys.executable, str(CLONE / "manage.py"), "prepare"], folder=CLONE)


def collect_part() -> Part:
    """Style sheets and scripts made small, into STATIC_ROOT; ends by itself."""
    command = [sys.executable, str(CLONE / "manage.py"), "collectstatic", "--noinput", "--verbosity", "0"]
    return Part("collect", command, folder=CLONE)


def web_part(port: int) -> Part:
    """The web server, by WEB_SERVER uvicorn (default) or daphne, on loopback only."""
    server = environment.choice("WEB_SERVER", ("uvicorn", "daphne"), "uvicorn")
    return Part(
        "web",
        _uvicorn(port) if server == "uvicorn" else _daphne(port),
        is_ready=lambda: answers(port, "/healthz"),
        folder=CLONE,
        stop_seconds=DRAIN_SECONDS + 2.0,
    )


def _uvicorn(port: int) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", "app.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--http", "app.web.http_limits:BoundedHttp"]
    command += ["--ws", "websockets-sansio", "--ws-max-size", "65536", "--ws-per-message-deflate", "false"]
    command += ["--no-access-log", "--log-level", "warning", "--no-server-header", "--no-proxy-headers"]
    return [*command, "--timeout-graceful-shutdown", str(DRAIN_SECONDS)]


def _daphne(port: int) -> list[str]:
    command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0"]
    return [*command, "--access-log", "/dev/null", "--no-server-name", "app.asgi:application"]


def worker_part() -> Part:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "app.celery", "worker", "--loglevel", "info"]
    command += ["--without-gossip", "--without-mingle"]
    return Part("worker", command, folder=CLONE, stop_seconds=15.0)


def beat_part(folder: DataFolder) -> Part:
    command = [
        sys.executable,
        "-m",
        "celery",
        "--quiet",
        "-A",
        "app.celery",
        "beat",
        "--loglevel",
        "warning",
        "--pidfile",
        "",
    ]
    return Part("beat", [*command, "--schedule", str(folder.run / "beat-schedule")], folder=CLONE)


def answers(port: int, path: str) -> bool:
    status, _ = ask(port, path)
    return status == http.HTTPStatus.OK


def ask(port: int, path: str) -> tuple[int, str]:
    """Status and body of a page of the web server here; status 0 where none answers."""
    host = environment.words("ALLOWED_HOSTS", "127.0.0.1")[0].lstrip(".").replace("*", "127.0.0.1")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": "https"})
        response = connection.getresponse()
        return response.status, response.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


if __name__ == "__main__":  # the container's health check: exit status 0 when the page answers
    sys.exit(not answers(environment.integer("PORT", 8000), sys.argv[1]))
