from django.apps import AppConfig

from app.web.context import count_with


class ModerationConfig(AppConfig):
    name = "moderation"

    def ready(self) -> None:
        from moderation.queries import waiting_count

        count_with("Review", waiting_count)
