"""Invitations, why and since when somebody is suspended, and into whom an account was merged."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import app.web.ids


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_nested_groups")]

    operations = [
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=app.web.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("sent_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "invited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitation",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="user",
            name="merged_into",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="session_round",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False, help_text="Another ends all."),
        ),
        migrations.AddField(
            model_name="user", name="suspended_at", field=models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddField(
            model_name="user",
            name="suspended_reason",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=300),
        ),
    ]
