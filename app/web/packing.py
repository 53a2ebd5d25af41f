"""Pages compressed on their way: a long conversation is a tenth of its size, which a phone feels."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PackedPages(GZipMiddleware):
    """Django's compression, for HTML that is whole. What streams goes as it is written, what programs read as it is.

    Django adds up to a hundred random bytes, and masks the page's token anew each time, so that what a page weighs says
    nothing of what stands in it (BREACH).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
