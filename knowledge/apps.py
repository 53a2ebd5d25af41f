from functools import partial

from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    name = "knowledge"

    def ready(self) -> None:
        from accounts.belongings import keep
        from accounts.explaining import tell
        from accounts.rotating import keep_secrets, seal_column
        from knowledge.belongings import KINDS
        from knowledge.credentials import PURPOSE
        from knowledge.explaining import sources_of
        from knowledge.models import Source

        keep(*KINDS)
        tell("sources", sources_of)
        keep_secrets("sources", partial(seal_column, Source, "credential_encrypted", PURPOSE))
