"""What lets a browser install Parley as an app: its manifest, and a page for when the network is away.

The service worker exists for that one page alone. It keeps nothing that belongs to somebody: pages of Parley are asked
from the server every time, and what it holds is fetched without cookies.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.translation import get_language, get_language_bidi
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

# The page's ground in light (--n1 of static/css/tokens.css), which browsers draw around the app and while it starts.
GROUND = "#fdfcfa"
ICONS = [
    ("app-192.png", "192x192", "any"),
    ("app-512.png", "512x512", "any"),
    ("maskable-512.png", "512x512", "maskable"),
]


@require_GET
def manifest(request: HttpRequest) -> HttpResponse:
    """The app's name, look and first page, for browsers and phones."""
    icons = [
        {"src": static(f"icons/{name}"), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for name, sizes, purpose in ICONS
    ]
    body = {
        "id": "/",
        "name": settings.APP_NAME,
        "short_name": settings.APP_NAME,
        "description": _("Answers from your organisation’s own documents, with the passage beside them."),
        "lang": get_language() or settings.LANGUAGE_CODE,
        "dir": "rtl" if get_language_bidi() else "ltr",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": GROUND,
        "icons": icons,
        "shortcuts": [{"name": _("New conversation"), "url": "/"}, {"name": _("Knowledge"), "url": "/knowledge/"}],
    }
    return JsonResponse(body, content_type="application/manifest+json")


@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """At the root, because a service worker serves what lies below its own address."""
    response = render(request, "installed/service-worker.js", content_type="text/javascript")
    response["Cache-Control"] = "no-cache"
    return response


@require_GET
def offline(request: HttpRequest) -> HttpResponse:
    """The same for everybody: it is kept by the browser, whoever signs in there later."""
    return render(request, "installed/offline.html")
