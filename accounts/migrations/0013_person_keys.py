"""A key for each person, wrapped by the master key, and how far a rotation of them is."""

import app.web.ids
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0012_devices'),
    ]

    operations = [
        migrations.CreateModel(
            name='KeyRotation',
            fields=[
                ('id', models.UUIDField(default=app.web.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('with_master', models.BooleanField(default=False)),
                ('with_person_keys', models.BooleanField(default=False)),
                ('step', models.CharField(choices=[('master', 'Wrapping keys under the present master key'), ('secrets', 'Sealing credentials under the present master key'), ('keys', 'Making new keys for people'), ('rows', 'Sealing texts and files'), ('waiting', 'Waiting until nobody writes with the keys before'), ('done', 'Done')], default='master', max_length=8)),
                ('place', models.CharField(blank=True, help_text='The table that is worked on.', max_length=80)),
                ('done', models.PositiveBigIntegerField(default=0, help_text='Of this step.')),
                ('total', models.PositiveBigIntegerField(default=0)),
                ('sealed', models.PositiveBigIntegerField(default=0, help_text='Rows and files that were sealed, all steps together.')),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('touched_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('keys_made_at', models.DateTimeField(help_text='Since when nobody begins to use a key before.', null=True)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('finished_at',), name='one_rotation_under_way', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='PersonKey',
            fields=[
                ('id', models.UUIDField(default=app.web.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('wrapped', models.BinaryField(null=True)),
                ('master_id', models.CharField(max_length=16)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('retired_at', models.DateTimeField(null=True)),
                ('destroyed_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('destroyed_at', None)), fields=['master_id'], name='keys_of_a_master_key')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('destroyed_at', None), ('retired_at', None)), fields=('user',), name='one_present_key_a_person'), models.CheckConstraint(condition=models.Q(models.Q(('destroyed_at__isnull', False), ('wrapped', None)), models.Q(('destroyed_at', None), ('wrapped__isnull', False)), _connector='OR'), name='destroyed_key_is_gone')],
            },
        ),
    ]
