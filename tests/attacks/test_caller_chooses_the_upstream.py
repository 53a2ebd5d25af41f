"""No request names a model server, a key for one or headers for one: it is refused, and nothing is opened."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests import factories
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db

# fmt: off
FIELDS = [
    "api_base", "base_url", "api_key", "api_version", "api_type", "organization", "project", "custom_llm_provider",
    "extra_headers", "extra_body", "headers", "proxy", "http_proxy", "timeout", "provider", "deployment_id",
    "azure_endpoint", "region_name", "aws_access_key_id", "vertex_project", "user_config", "fallbacks",
    "mock_response", "metadata.api_base", "model_list", "litellm_params", "router", "engine", "adapter", "lora",
    "cache_salt", "priority", "session_id", "tools", "functions", "tool_choice", "plugins", "logit_bias",
    "kv_transfer_params", "guided_json", "chat_template", "mm_processor_kwargs", "prompt_embeds", "vllm_xargs",
    "documents", "add_generation_prompt",
]
# fmt: on


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server of the caller's choice; it waits to be asked."""
    with socket.create_server(("127.0.0.1", 0)) as waiting:
        waiting.setblocking(False)
        yield waiting


def was_asked(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def bodies(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    chat = {"model": "handbook", "messages": [{"role": "user", "content": "How many days?"}]}
    embed = {"model": "handbook", "input": "leave"}
    for name in FIELDS:
        yield "/v1/chat/completions", chat | {name: address}
        yield "/v1/embeddings", embed | {name: address}
    yield "/v1/chat/completions", chat | {"model": address}
    yield "/v1/chat/completions", chat | {"model": f"openai/handbook@{address}"}
    yield "/v1/chat/completions", chat | {"messages": [{**chat["messages"][0], "api_base": address}]}  # type: ignore[index]
    yield (
        "/v1/chat/completions",
        chat | {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": address}}]}]},
    )


def test_a_request_that_names_a_server_is_refused_and_opens_nothing(
    alice: User, with_key: SignIn, listener: socket.socket
) -> None:
    factories.make_assistant()
    client: Client = with_key(alice)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    for path, body in bodies(address):
        headers = {"X-Api-Base": address, "X-Forwarded-Host": address[7:], "OpenAI-Organization": address}
        answer = client.post(path, body, content_type="application/json", headers=headers)
        assert answer.status_code in (404, 422), f"{path} {body}: {answer.status_code} {answer.text[:200]}"
        assert answer.json()["error"]["code"] in ("bad_input", "not_found")
    # There is one model for embeddings, whatever a caller calls it.
    client.post("/v1/embeddings", {"model": address, "input": "leave"}, content_type="application/json")
    assert not was_asked(listener)
