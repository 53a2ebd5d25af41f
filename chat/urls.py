from django.urls import path

from chat.pages import assistants, instructions, prompts, views

app_name = "chat"

urlpatterns = [
    path("", views.home, name="home"),
    path("c/new", views.ask_first, name="new"),
    path("c/older", views.older, name="older"),
    path("c/<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/ask", views.ask_here, name="ask"),
    path("c/<uuid:conversation_id>/rename", views.rename, name="rename"),
    path("c/<uuid:conversation_id>/delete", views.delete, name="delete"),
    path("c/<uuid:conversation_id>/restore", views.restore, name="restore"),
    path("m/<uuid:message_id>/stop", views.stop, name="stop"),
    path("m/<uuid:message_id>/regenerate", views.again, name="regenerate"),
    path("m/<uuid:message_id>/continue", views.go_on, name="continue"),
    path("m/<uuid:message_id>/feedback", views.feedback, name="feedback"),
    path("c/<uuid:conversation_id>/model", assistants.choose_model, name="choose_model"),
    path("assistants/", assistants.choose, name="assistants"),
    path("prompts/", prompts.keep, name="prompts"),
    path("prompts/new", prompts.create, name="new_prompt"),
    path("prompts/menu", prompts.menu, name="prompt_menu"),
    path("prompts/<uuid:prompt_id>/", prompts.change, name="change_prompt"),
    path("prompts/<uuid:prompt_id>/fill", prompts.fill_in, name="fill_prompt"),
    path("prompts/<uuid:prompt_id>/copy", prompts.copy, name="copy_prompt"),
    path("prompts/<uuid:prompt_id>/delete", prompts.delete, name="delete_prompt"),
    path("prompts/<uuid:prompt_id>/restore", prompts.restore, name="restore_prompt"),
    path("account/instructions/", instructions.write, name="instructions"),
    path("leaving/", views.leaving, name="leaving"),
]
