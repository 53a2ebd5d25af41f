"""What a browser is told to install Parley as an app."""

import re
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from PIL import Image


def test_the_manifest_has_a_name_and_icons_of_the_sizes_it_says(client: Client, settings: Any) -> None:
    settings.APP_NAME = "Ask Norden"
    response = client.get("/manifest.webmanifest")
    assert response["Content-Type"] == "application/manifest+json"
    manifest = response.json()
    assert manifest["name"] == manifest["short_name"] == "Ask Norden"
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        picture = Image.open(BytesIO(client.get(icon["src"]).getvalue()))
        assert "x".join(map(str, picture.size)) == icon["sizes"]


def test_a_maskable_icon_reaches_every_edge(client: Client) -> None:
    picture = Image.open(BytesIO(client.get("/static/icons/maskable-512.png").getvalue())).convert("RGBA")
    edge = {picture.getpixel(at) for at in ((0, 0), (511, 0), (0, 511), (511, 511), (256, 0), (0, 256))}
    assert len(edge) == 1
    assert next(iter(edge))[3] == 255  # type: ignore[index]


@pytest.mark.django_db
def test_what_a_browser_keeps_is_nobodys(client: Client) -> None:
    response = client.get("/offline/")
    assert "Set-Cookie" not in response.headers
    assert "csrf" not in response.content.decode()
    worker = client.get("/service-worker.js")
    assert worker["Content-Type"] == "text/javascript"
    for path in re.findall(r'"(/[^"]*)"', worker.content.decode()):
        assert client.get(path).status_code == 200, path
