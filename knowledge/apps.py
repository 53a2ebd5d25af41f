from functools import partial

from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    name = "knowledge"

    def ready(self) -> None:
        from accounts.erasing.holdings import hold
        from accounts.people.belongings import keep
        from accounts.people.explaining import tell
        from accounts.retention.kinds import keep_for
        from accounts.sealed.rotating import keep_secrets, seal_column
        from knowledge.belongings import KINDS
        from knowledge.credentials import PURPOSE
        from knowledge.explaining import sources_of
        from knowledge.holdings import HOLDINGS
        from knowledge.holdings import KINDS as OF_AN_AGE
        from knowledge.models import Source

        keep(*KINDS)
        hold(*HOLDINGS)
        keep_for(*OF_AN_AGE)
        tell("sources", sources_of)
        keep_secrets("sources", partial(seal_column, Source, "credential_encrypted", PURPOSE))
