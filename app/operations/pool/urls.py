"""The pages of the model pool, below ``/operations/pool/``."""

from django.urls import path

from app.operations.pool.views import assistants, models, servers

app_name = "pool"
urlpatterns = [
    path("", servers.pool, name="servers"),
    path("live/", servers.live, name="live"),
    path("servers/add/", servers.add, name="add_server"),
    path("servers/test/", servers.test, name="test_server"),
    path("servers/<uuid:worker_id>/", servers.server, name="server"),
    path("servers/<uuid:worker_id>/drain/", servers.drain, name="drain"),
    path("servers/<uuid:worker_id>/resume/", servers.resume, name="resume"),
    path("servers/<uuid:worker_id>/off/", servers.switch_off, name="switch_off"),
    path("servers/<uuid:worker_id>/remove/", servers.remove, name="remove_server"),
    path("models/", models.models, name="models"),
    path("models/<uuid:model_id>/", models.model, name="model"),
    path("models/<uuid:model_id>/remove/", models.remove, name="remove_model"),
    path("assistants/", assistants.assistants, name="assistants"),
    path("assistants/<uuid:assistant_id>/", assistants.assistant, name="assistant"),
]
