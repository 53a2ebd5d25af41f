"""The knowledge pages, below ``/knowledge/``."""

from django.urls import path

from knowledge import views

app_name = "knowledge"
urlpatterns = [
    path("", views.sources, name="sources"),
    path("sources/new/", views.new_source, name="new_source"),
    path("sources/<uuid:source_id>/", views.source, name="source"),
    path("sources/<uuid:source_id>/documents/", views.documents, name="documents"),
    path("sources/<uuid:source_id>/upload/", views.upload, name="upload"),
    path("sources/<uuid:source_id>/sync/", views.sync, name="sync"),
    path("documents/<uuid:document_id>/", views.document, name="document"),
    path("documents/<uuid:document_id>/withdraw/", views.withdraw, name="withdraw"),
    path("documents/<uuid:document_id>/restore/", views.restore, name="restore"),
    path("documents/<uuid:document_id>/retry/", views.retry, name="retry"),
    path("passages/<uuid:passage_id>/", views.passage, name="passage"),
    path("passages/<uuid:passage_id>/original/", views.original, name="original"),
]
