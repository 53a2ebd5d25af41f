from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import receivers  # noqa: F401
        from accounts.providers import providers

        providers()  # refuses at the start what it cannot use
