from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import receivers  # noqa: F401
        from accounts.belongings import keep
        from accounts.oauth.belongings import KINDS
        from accounts.providers import providers

        keep(*KINDS)
        providers()  # refuses at the start what it cannot use
