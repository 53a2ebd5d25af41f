"""The knowledge pages, below ``/knowledge/``."""

from django.urls import path

from knowledge.views import access, documents, index, passages, sources

app_name = "knowledge"
urlpatterns = [
    path("", sources.sources, name="sources"),
    path("sources/new/", sources.new_source, name="new_source"),
    path("sources/<uuid:source_id>/", sources.source, name="source"),
    path("sources/<uuid:source_id>/documents/", sources.documents, name="documents"),
    path("sources/<uuid:source_id>/upload/", sources.upload, name="upload"),
    path("sources/<uuid:source_id>/sync/", sources.sync, name="sync"),
    path("documents/<uuid:document_id>/", documents.document, name="document"),
    path("documents/<uuid:document_id>/withdraw/", documents.withdraw, name="withdraw"),
    path("documents/<uuid:document_id>/restore/", documents.restore, name="restore"),
    path("documents/<uuid:document_id>/retry/", documents.retry, name="retry"),
    path("passages/<uuid:passage_id>/", passages.passage, name="passage"),
    path("passages/<uuid:passage_id>/part/", passages.part, name="passage_part"),
    path("passages/<uuid:passage_id>/page.png", passages.page_picture, name="page_picture"),
    path("passages/<uuid:passage_id>/original/", passages.original, name="original"),
    path("passages/<uuid:passage_id>/about/", passages.about, name="passage_page"),
    path("passages/<uuid:passage_id>/disable/", passages.disable, name="disable_passage"),
    path("passages/<uuid:passage_id>/enable/", passages.enable, name="enable_passage"),
    path("documents/<uuid:document_id>/access/", access.document_access, name="document_access"),
    path("index/", index.index, name="index"),
    path("index/build/", index.start, name="start_index"),
    path("index/<str:generation_id>/progress/", index.progress, name="index_progress"),
    path("index/<str:generation_id>/serve/", index.serve, name="serve_index"),
    path("index/<str:generation_id>/retry/", index.retry, name="retry_index"),
    path("index/<str:generation_id>/remove/", index.remove, name="remove_index"),
]
