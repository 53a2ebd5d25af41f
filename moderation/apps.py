from django.apps import AppConfig

from app.web.context import count_with


class ModerationConfig(AppConfig):
    name = "moderation"

    def ready(self) -> None:
        from accounts.erasing.holdings import hold
        from accounts.people.belongings import keep
        from accounts.people.explaining import tell
        from accounts.retention.kinds import keep_for
        from moderation.belongings import KINDS
        from moderation.explaining import queues_of
        from moderation.holdings import HOLDINGS
        from moderation.holdings import KINDS as OF_AN_AGE
        from moderation.review.queries import waiting_count

        count_with("Review", waiting_count)
        keep(*KINDS)
        hold(*HOLDINGS)
        keep_for(*OF_AN_AGE)
        tell("queues", queues_of)
