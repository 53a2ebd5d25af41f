from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import receivers  # noqa: F401
        from accounts.belongings import keep
        from accounts.erasing.own import HOLDINGS
        from accounts.holdings import hold
        from accounts.oauth.belongings import KINDS as BELONGINGS
        from accounts.providers import providers
        from accounts.retention.kinds import keep_for
        from accounts.retention.own import KINDS

        keep(*BELONGINGS)
        hold(*HOLDINGS)
        keep_for(*KINDS)
        providers()  # refuses at the start what it cannot use
