"""Pages come compressed to who can unpack them; what programs read and what streams does not."""

import gzip
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from app.web.packing import PackedPages

LONG = "word " * 2_000


def packed(response: HttpResponseBase, accepts: str = "gzip, br") -> HttpResponseBase:
    def answer(request: HttpRequest) -> HttpResponseBase:
        return response

    found = PackedPages(answer)(RequestFactory().get("/", headers={"accept-encoding": accepts}))
    assert isinstance(found, HttpResponseBase)
    return found


def test_a_page_is_compressed() -> None:
    response = packed(HttpResponse(LONG))
    assert isinstance(response, HttpResponse)
    assert response["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response["Vary"]
    assert len(response.content) < len(LONG) / 10
    assert gzip.decompress(response.content).decode() == LONG


def test_two_times_the_same_page_weigh_different() -> None:
    weights = {len(answer.content) for _ in range(20) if isinstance(answer := packed(HttpResponse(LONG)), HttpResponse)}
    assert len(weights) > 1


def test_who_cannot_unpack_gets_it_as_it_is() -> None:
    response = packed(HttpResponse(LONG), accepts="identity")
    assert "Content-Encoding" not in response


def test_json_is_left_alone() -> None:
    assert "Content-Encoding" not in packed(JsonResponse({"text": LONG}))


def test_what_streams_is_left_alone() -> None:
    def events() -> Iterator[str]:
        yield LONG

    assert "Content-Encoding" not in packed(StreamingHttpResponse(events(), content_type="text/event-stream"))
    assert "Content-Encoding" not in packed(StreamingHttpResponse(events(), content_type="text/html"))
