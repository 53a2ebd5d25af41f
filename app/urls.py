"""Every address of Parley."""

from django.contrib import admin
from django.urls import include, path

from app.api import api, openai_api, scim_api
from app.health import healthz, metrics, readyz
from app.web import installing

urlpatterns = [
    path("", include("chat.urls")),
    path("knowledge/", include("knowledge.urls")),
    path("review/", include("moderation.review.urls")),
    path("audit/", include("accounts.auditing.urls")),
    path("account/", include("accounts.urls")),
    path("people/", include("accounts.people.urls")),
    path("account/", include("accounts.signing_in.urls")),
    path("", include("accounts.programs.oauth.urls")),
    path("", include("app.operations.usage_urls")),
    path("operations/programs/", include("accounts.programs.urls")),
    path("operations/pool/", include("app.operations.pool.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("v1/", openai_api.urls),
    path("scim/v2/", scim_api.urls),
    path("manifest.webmanifest", installing.manifest, name="manifest"),
    path("service-worker.js", installing.service_worker, name="service_worker"),
    path("offline/", installing.offline, name="offline"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
