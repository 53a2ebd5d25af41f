from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import receivers  # noqa: F401
        from accounts.erasing.own import HOLDINGS
        from accounts.holdings import hold
        from accounts.providers import providers
        from accounts.retention.kinds import keep_for
        from accounts.retention.own import KINDS

        hold(*HOLDINGS)
        keep_for(*KINDS)
        providers()  # refuses at the start what it cannot use
