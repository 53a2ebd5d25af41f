"""A Parley to call over the network: the real application under the real server, on a port of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import uvicorn

from app.asgi import application
from app.web.http_limits import BoundedHttp
from chat.streaming.events import MAX_FRAME_BYTES
from tests.chat.test_killed_process import free_port


@pytest.fixture
def server(transactional_db: None) -> Iterator[str]:
    """Parley under uvicorn in a thread, set up as ``make run`` does; its URL."""
    config = uvicorn.Config(
        application,
        port=free_port(),
        http=BoundedHttp,
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME_BYTES,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )
    parley = uvicorn.Server(config)
    thread = threading.Thread(target=parley.run, daemon=True)
    thread.start()
    while not parley.started:
        assert thread.is_alive(), "it could not start; perhaps somebody else took the port meanwhile"
        thread.join(0.05)
    yield f"http://127.0.0.1:{config.port}"
    parley.should_exit = True
    thread.join(20)
    assert not thread.is_alive()
