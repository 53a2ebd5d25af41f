from django.urls import path

from chat.pages import keeping, searching, sidebar, views

app_name = "chat"

urlpatterns = [
    path("", views.home, name="home"),
    path("c/new", views.ask_first, name="new"),
    path("c/older", sidebar.older, name="older"),
    path("c/shelf", sidebar.shelf, name="shelf"),
    path("c/<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/turns", views.turns, name="turns"),
    path("c/<uuid:conversation_id>/ask", views.ask_here, name="ask"),
    path("c/<uuid:conversation_id>/keep", keeping.keep, name="keep"),
    path("c/<uuid:conversation_id>/rename", keeping.rename, name="rename"),
    path("c/<uuid:conversation_id>/pin", keeping.pin, name="pin"),
    path("c/<uuid:conversation_id>/unpin", keeping.unpin, name="unpin"),
    path("c/<uuid:conversation_id>/archive", keeping.archive, name="archive"),
    path("c/<uuid:conversation_id>/unarchive", keeping.unarchive, name="unarchive"),
    path("c/<uuid:conversation_id>/tag", keeping.tag, name="tag"),
    path("c/<uuid:conversation_id>/tags/<uuid:tag_id>/remove", keeping.untag, name="untag"),
    path("c/<uuid:conversation_id>/delete", keeping.delete, name="delete"),
    path("c/<uuid:conversation_id>/restore", keeping.restore, name="restore"),
    path("m/<uuid:message_id>/stop", views.stop, name="stop"),
    path("m/<uuid:message_id>/regenerate", views.again, name="regenerate"),
    path("m/<uuid:message_id>/edit", views.edit, name="edit"),
    path("m/<uuid:message_id>/choose", views.choose, name="choose"),
    path("m/<uuid:message_id>/continue", views.go_on, name="continue"),
    path("m/<uuid:message_id>/feedback", views.feedback, name="feedback"),
    path("search/", searching.search, name="search"),
    path("search/suggest", searching.suggest, name="suggest"),
    path("leaving/", views.leaving, name="leaving"),
]
