from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from chat import receivers  # noqa: F401
        from chat.uses import AnswerUses
        from knowledge.keeping.uses import answer_with

        answer_with(AnswerUses())
