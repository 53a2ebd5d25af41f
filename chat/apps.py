from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from accounts.erasing.holdings import hold
        from accounts.people.belongings import keep
        from accounts.people.explaining import tell
        from accounts.programs.assistants import tell_with
        from accounts.retention.kinds import keep_for
        from accounts.sealed.rotating import keep_files
        from chat import receivers  # noqa: F401
        from chat.assistants import names_for
        from chat.belongings import KINDS
        from chat.explaining import assistants_of
        from chat.holdings import HOLDINGS
        from chat.holdings import KINDS as OF_AN_AGE
        from chat.uses import AnswerUses
        from chat.writing.file_bytes import seal_anew
        from knowledge.keeping.uses import answer_with

        answer_with(AnswerUses())
        tell_with(names_for)
        keep(*KINDS)
        hold(*HOLDINGS)
        keep_for(*OF_AN_AGE)
        keep_files("chat_attachment.bytes", seal_anew)
        tell("assistants", assistants_of)
