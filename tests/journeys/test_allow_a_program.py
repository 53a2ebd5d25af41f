"""A person is asked by a program, allows it, and takes it back; the program is a real client of an OAuth library."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from playwright.sync_api import expect
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import Program, User
from accounts.programs.oauth.programs import Registration, register_program
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House
from tests.journeys.test_reach_everybody import beside_the_browser
from tests.journeys.test_use_a_phone import PHONE, fits, has_names

pytestmark = pytest.mark.journey


class Listener:
    """The program's own address, to which the browser is sent back."""

    def __init__(self) -> None:
        self.came: list[str] = []
        came = self.came

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                came.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>Reports</title><link rel=icon href=data:,><p>Thank you.")

            def log_message(self, format: str, *args: object) -> None:
                """Nothing to the test's output."""

        # A browser may hold a second line open and say nothing on it, which must keep nobody waiting.
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/back"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()
    yield one
    one.stop()


@pytest.fixture
def registered(house: House, listener: Listener, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Program, str]]:
    with django_db_blocker.unblock():
        yield beside_the_browser(lambda: _register(listener.url))


def _register(url: str) -> tuple[Program, str]:
    ada = User.objects.get(email="ada@example.org")
    wanted = Registration("Report writer", ada, ["authorization_code"], ["chat.ask"], 30, redirect_uris=[url])
    program, secret = register_program(actor=ada, registration=wanted)
    assert secret
    return program, secret


def test_a_person_allows_a_program_and_takes_it_back(
    window: OpenWindow, house: House, listener: Listener, registered: tuple[Program, str]
) -> None:
    program, secret = registered
    verifier = generate_token(48)
    client = OAuth2Client(
        str(program.pk), secret, scope="openid chat.ask", redirect_uri=listener.url, code_challenge_method="S256"
    )
    address, state = client.create_authorization_url(f"{house.url}/oauth/authorize", code_verifier=verifier)
    alice = window("alice", **PHONE)
    alice.expect(listener.url)
    page = alice.open(address)
    expect(page.get_by_role("heading", name="Allow Report writer?")).to_be_visible()
    expect(page.get_by_text("Ask assistants, keep conversations and read them")).to_be_visible()
    fits(page)
    has_names(page)
    page.get_by_role("button", name="Allow").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Thank you.")).to_be_visible()
    back = f"{listener.url.removesuffix('/back')}{listener.came[0]}"
    token = client.fetch_token(
        f"{house.url}/oauth/token", authorization_response=back, code_verifier=verifier, state=state
    )
    assert "id_token" in token
    assert client.get(f"{house.url}/api/v1/assistants").status_code == 200
    assert client.post(f"{house.url}/api/v1/search", json={"query": "leave"}).status_code == 403
    client.refresh_token(f"{house.url}/oauth/token", refresh_token=token["refresh_token"])
    assert client.get(f"{house.url}/v1/models").status_code == 200
    page.goto("/account/programs/")
    page.get_by_role("button", name="Withdraw it from Report writer").click()
    expect(page.get_by_text("Report writer no longer acts for you.")).to_be_visible()
    assert client.get(f"{house.url}/v1/models").status_code == 401
    client.close()
