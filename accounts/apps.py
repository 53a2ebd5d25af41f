from functools import partial

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import checks, receivers  # noqa: F401
        from accounts.erasing.holdings import hold
        from accounts.erasing.own import HOLDINGS
        from accounts.ldap.directories import directories
        from accounts.people.belongings import keep
        from accounts.programs.oauth.belongings import KINDS as BELONGINGS
        from accounts.retention.kinds import keep_for
        from accounts.retention.own import KINDS
        from accounts.sealed.rotating import keep_secrets, seal_column
        from accounts.signing_in.providers import providers
        from accounts.signing_in.sealing import seal_anew
        from app.inference.models import Worker
        from app.inference.sealing import PURPOSE

        keep_secrets("second steps", seal_anew)
        keep_secrets("model servers", partial(seal_column, Worker, "api_key_encrypted", PURPOSE))
        keep(*BELONGINGS)
        hold(*HOLDINGS)
        keep_for(*KINDS)
        # Both refuse at the start what they cannot use.
        providers()
        directories()
