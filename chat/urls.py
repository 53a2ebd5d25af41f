from django.urls import path

from chat.pages import views

app_name = "chat"

urlpatterns = [
    path("", views.home, name="home"),
    path("c/new", views.ask_first, name="new"),
    path("c/older", views.older, name="older"),
    path("c/<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/turns", views.turns, name="turns"),
    path("c/<uuid:conversation_id>/ask", views.ask_here, name="ask"),
    path("c/<uuid:conversation_id>/rename", views.rename, name="rename"),
    path("c/<uuid:conversation_id>/delete", views.delete, name="delete"),
    path("c/<uuid:conversation_id>/restore", views.restore, name="restore"),
    path("m/<uuid:message_id>/stop", views.stop, name="stop"),
    path("m/<uuid:message_id>/regenerate", views.again, name="regenerate"),
    path("m/<uuid:message_id>/edit", views.edit, name="edit"),
    path("m/<uuid:message_id>/choose", views.choose, name="choose"),
    path("m/<uuid:message_id>/continue", views.go_on, name="continue"),
    path("m/<uuid:message_id>/feedback", views.feedback, name="feedback"),
    path("leaving/", views.leaving, name="leaving"),
]
