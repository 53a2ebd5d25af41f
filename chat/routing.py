from django.urls import path, re_path

from chat.socket.consumers import ConversationConsumer, NothingHere

websocket_urlpatterns = [
    path("ws/conversations/<uuid:conversation_id>/", ConversationConsumer.as_asgi()),
    re_path(r"", NothingHere.as_asgi()),
]
