from django.apps import AppConfig

from app.web.context import count_with


class ModerationConfig(AppConfig):
    name = "moderation"

    def ready(self) -> None:
        from accounts.belongings import keep
        from accounts.explaining import tell
        from moderation.belongings import KINDS
        from moderation.explaining import queues_of
        from moderation.queries import waiting_count

        count_with("Review", waiting_count)
        keep(*KINDS)
        tell("queues", queues_of)
