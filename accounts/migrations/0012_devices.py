import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import app.web.ids


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0011_keys_scopes_and_programs'),
        ('sessions', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Device',
            fields=[
                ('id', models.UUIDField(default=app.web.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('session_key', models.CharField(max_length=40, unique=True)),
                ('agent', models.CharField(blank=True, max_length=300)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('signed_in_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='devices', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
