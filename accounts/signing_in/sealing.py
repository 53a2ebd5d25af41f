"""Secrets of second steps at rest."""

from allauth.mfa.models import Authenticator

from accounts.sealed.rotating import anew
from app import sealing

PURPOSE = "parley second steps v1"


def seal(text: str) -> str:
    return sealing.seal(PURPOSE, text)


def unseal(token: str) -> str:
    """The text that was sealed. Raises CannotUnsealError when the master key is not the one it was sealed under."""
    return sealing.unseal(PURPOSE, token)


def seal_anew() -> int:
    """Seal all under the present master key; how many there were."""
    count = 0
    for step in Authenticator.objects.all():
        sealed = {name: step.data[name] for name in ("secret", "seed") if step.data.get(name)}
        new = {name: made for name, token in sealed.items() if (made := anew(PURPOSE, token))}
        if new:
            count += Authenticator.objects.filter(pk=step.pk, data=step.data).update(data=step.data | new)
    return count
