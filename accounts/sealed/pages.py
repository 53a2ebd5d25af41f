"""How people's texts are encrypted, for who administers accounts: the keys there are, and how far a rotation is."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts import rights
from accounts.callers import reader
from accounts.models import PersonKey
from accounts.sealed import rotating
from app.master_keys import lies_beside_database, present


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """Counts alone: a key is shown to nobody, and neither is whose it is."""
    rights.require(reader(request), "accounts.administer")
    live = Q(destroyed_at=None)
    context = {
        "master": present().id,
        "is_beside": lies_beside_database(),
        "rotation": rotating.newest(),
        "counts": PersonKey.objects.aggregate(
            present=Count("pk", filter=live & Q(retired_at=None)),
            retired=Count("pk", filter=live & Q(retired_at__isnull=False)),
            destroyed=Count("pk", filter=~live),
            other=Count("pk", filter=live & ~Q(master_id=present().id)),
        ),
    }
    return render(request, "accounts/encryption.html", context)
