"""What allauth asks about second steps: names, sealed secrets, and whether one may be taken off."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.html import escape
from django.utils.translation import gettext, gettext_lazy
from qrcode.main import QRCode

from accounts.signing_in import second_step
from accounts.signing_in.sealing import seal, unseal


class SecondStepAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": gettext_lazy("This code or key is not right, or was used before. Try the next one."),
        "cannot_delete_authenticator": gettext_lazy(
            "Your role needs a second step, and this is your last one. Add another before you remove it."
        ),
    }

    def get_totp_issuer(self) -> str:
        return str(settings.APP_NAME)

    def build_totp_svg(self, url: str) -> str:
        """A picture to stand in the page itself, without styles of its own, which its policy would refuse."""
        code = QRCode(border=4)
        code.add_data(url)
        code.make()
        rows = code.get_matrix()
        dots = (f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
        size, name = len(rows), escape(gettext("QR code"))
        return (
            f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="{name}" shape-rendering="crispEdges">'
            f'<path fill="currentColor" d="{"".join(dots)}"/></svg>'
        )

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        user = authenticator.user
        return not (second_step.needs_second_step(user) and second_step.is_last_step(user, authenticator))

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:
        """A name to begin with; its owner says what it really is."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return gettext("Passkey %(number)s") % {"number": number}

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """What the device shows for this place."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": str(settings.APP_NAME)}
