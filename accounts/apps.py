from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import receivers  # noqa: F401
        from accounts.ldap.directories import directories
        from accounts.providers import providers

        # Both refuse at the start what they cannot use.
        providers()
        directories()
