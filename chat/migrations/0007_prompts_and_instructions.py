import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import app.web.ids


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0006_finding_back'),
        ('accounts', '0004_spending_and_limits'),
        ('inference', '0004_parallel_sizes'),
    ]

    operations = [
        migrations.AddField(
            model_name='assistant',
            name='offers_models',
            field=models.ManyToManyField(blank=True, help_text='Models its reader may choose instead of its own, for a conversation. Empty: no choice.', limit_choices_to={'role': 'generate'}, related_name='+', to='inference.model'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='model',
            field=models.ForeignKey(db_index=False, editable=False, help_text="The one its owner chose of those that the assistant offers; none: the assistant's own.", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='inference.model'),
        ),
        migrations.CreateModel(
            name='Instructions',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='instructions', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('about', models.TextField(blank=True)),
                ('manner', models.TextField(blank=True)),
                ('is_on', models.BooleanField(db_default=True, default=True)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'verbose_name_plural': 'instructions',
            },
        ),
        migrations.CreateModel(
            name='SavedPrompt',
            fields=[
                ('id', models.UUIDField(default=app.web.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('text', models.TextField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('deleted_at', models.DateTimeField(editable=False, null=True)),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='accounts.group')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_prompts', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
