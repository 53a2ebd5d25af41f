from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    name = "knowledge"

    def ready(self) -> None:
        from accounts.belongings import keep
        from accounts.explaining import tell
        from accounts.holdings import hold
        from accounts.retention.kinds import keep_for
        from knowledge.belongings import KINDS
        from knowledge.explaining import sources_of
        from knowledge.holdings import HOLDINGS
        from knowledge.holdings import KINDS as OF_AN_AGE

        keep(*KINDS)
        hold(*HOLDINGS)
        keep_for(*OF_AN_AGE)
        tell("sources", sources_of)
