import app.web.ids
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.utils.timezone
import pgvector.django.halfvec
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0007_prompts_and_instructions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.UUIDField(default=app.web.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=300)),
                ('media_type', models.CharField(max_length=120)),
                ('size_bytes', models.PositiveBigIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('file', models.CharField(blank=True, help_text='Path below the files folder, named by Parley.', max_length=200)),
                ('picture', models.CharField(blank=True, help_text='What a model and its person see of a picture.', max_length=200)),
                ('thumbnail', models.CharField(blank=True, max_length=200)),
                ('width', models.PositiveIntegerField(default=0)),
                ('height', models.PositiveIntegerField(default=0)),
                ('state', models.CharField(choices=[('queued', 'waiting to be read'), ('reading', 'being read'), ('ready', 'ready'), ('refused', 'refused')], default='queued', max_length=8)),
                ('reason', models.CharField(blank=True, help_text='Why it was refused, in words for its person.', max_length=500)),
                ('note', models.CharField(blank=True, help_text='What its person should know of it.', max_length=500)),
                ('text', models.TextField(blank=True)),
                ('pages', models.JSONField(default=list)),
                ('generation_id', models.IntegerField(help_text="Of which index generation's model its vectors are.", null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Rises with every reader; the fence of its lease.')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('queued_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('asked_at', models.DateTimeField(editable=False, null=True)),
                ('conversation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='files', to='chat.conversation')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('questions', models.ManyToManyField(help_text='It was asked with these.', related_name='files', to='chat.message')),
            ],
        ),
        migrations.CreateModel(
            name='AttachmentPassage',
            fields=[
                ('id', models.UUIDField(default=app.web.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('ordinal', models.PositiveIntegerField()),
                ('heading_path', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=300), default=list, size=None)),
                ('text', models.TextField()),
                ('page', models.PositiveIntegerField(null=True)),
                ('start', models.PositiveIntegerField()),
                ('end', models.PositiveIntegerField()),
                ('words', django.contrib.postgres.search.SearchVectorField(null=True)),
                ('vector', pgvector.django.halfvec.HalfVectorField(null=True)),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='passages', to='chat.attachment')),
            ],
            options={
                'ordering': ['file', 'ordinal'],
            },
        ),
        migrations.AddIndex(
            model_name='attachment',
            index=models.Index(fields=['conversation', 'created_at', 'id'], name='files_of_a_conversation'),
        ),
        migrations.AddIndex(
            model_name='attachment',
            index=models.Index(condition=models.Q(('asked_at', None)), fields=['owner'], name='files_not_asked_with'),
        ),
        migrations.AddIndex(
            model_name='attachment',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'reading'])), fields=['queued_at'], name='files_to_read'),
        ),
        migrations.AddIndex(
            model_name='attachmentpassage',
            index=django.contrib.postgres.indexes.GinIndex(fields=['words'], name='file_passage_words'),
        ),
        migrations.AddConstraint(
            model_name='attachmentpassage',
            constraint=models.UniqueConstraint(fields=('file', 'ordinal'), name='file_passage_ordinal_once'),
        ),
    ]
