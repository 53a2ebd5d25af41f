from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from accounts.assistants import tell_with
        from chat import receivers  # noqa: F401
        from chat.assistants import names_for
        from chat.uses import AnswerUses
        from knowledge.keeping.uses import answer_with

        answer_with(AnswerUses())
        tell_with(names_for)
