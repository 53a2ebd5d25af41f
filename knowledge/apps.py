from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    name = "knowledge"

    def ready(self) -> None:
        from accounts.belongings import keep
        from accounts.explaining import tell
        from knowledge.belongings import KINDS
        from knowledge.explaining import sources_of

        keep(*KINDS)
        tell("sources", sources_of)
