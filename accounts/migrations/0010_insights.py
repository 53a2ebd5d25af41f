"""Permissions to read somebody's conversations."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import app.web.ids

PROTECT = django.db.models.deletion.PROTECT


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_invitations")]

    operations = [
        migrations.CreateModel(
            name="Insight",
            fields=[
                (
                    "id",
                    models.UUIDField(default=app.web.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("reason", models.CharField(max_length=500)),
                ("hours", models.PositiveSmallIntegerField()),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("approved_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "views",
                    models.PositiveIntegerField(
                        default=0, help_text="How many times a conversation was opened under it."
                    ),
                ),
                (
                    "reader",
                    models.ForeignKey(on_delete=PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "approved_by",
                    models.ForeignKey(null=True, on_delete=PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "ended_by",
                    models.ForeignKey(null=True, on_delete=PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["person", "expires_at"], name="insights_into_a_person")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("hours__gte", 1), ("hours__lte", 24)), name="insight_within_a_day"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reader", models.F("person")), _negated=True),
                        name="insight_into_somebody_else",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("approved_at", None), ("ended_at", None)),
                        fields=("reader", "person"),
                        name="one_waiting_insight",
                    ),
                ],
            },
        ),
    ]
