"""Pins, archive, tags and who gave a title; and what finds a message again.

Whose a message is and which words it has are columns that the database fills by itself, so that no writer can forget
them and no reader carries them along. The words hold a mark of the owner besides, which no text can contain (it has a
space), so that the index gives one person's messages alone, however many others used the same words. An answer under
way has none, since every save of it would change the index; 'simple' takes words as they are, in any language. Adding
the columns writes the table once anew.
"""

import app.web.ids
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

WORDS_OF_MESSAGES = """
alter table chat_message add column owner_id uuid;
update chat_message m set owner_id = c.owner_id from chat_conversation c where c.id = m.conversation_id;
alter table chat_message alter column owner_id set not null;

create function chat_message_owner() returns trigger language plpgsql
as $$
begin
    new.owner_id := (select c.owner_id from chat_conversation c where c.id = new.conversation_id);
    return new;
end
$$;
create trigger chat_message_owner before insert on chat_message for each row execute function chat_message_owner();

alter table chat_message add column words tsvector generated always as (
    case when state in ('queued', 'running') then null
    else to_tsvector('pg_catalog.simple', lower("left"(text, 50000)))
        || array_to_tsvector(array['of ' || owner_id::text])
    end
) stored;
create index messages_by_words on chat_message using gin (words) where words is not null;
create index messages_of_a_person on chat_message (owner_id, created_at desc, id desc) where words is not null;
"""

NO_WORDS = """
drop index messages_of_a_person;
drop index messages_by_words;
alter table chat_message drop column words;
drop trigger chat_message_owner on chat_message;
drop function chat_message_owner();
alter table chat_message drop column owner_id;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0005_branches'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='conversation',
            name='archived_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='conversation',
            name='pinned_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='conversation',
            name='titled_by',
            field=models.CharField(choices=[('words', 'the first words of the first question'), ('model', 'Model'), ('person', 'Person')], db_default='words', default='words', editable=False, max_length=8),
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.UUIDField(default=app.web.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': [django.db.models.functions.text.Lower('name')],
            },
        ),
        migrations.AddField(
            model_name='conversation',
            name='tags',
            field=models.ManyToManyField(blank=True, related_name='conversations', to='chat.tag'),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('archived_at', None), ('deleted_at', None), ('origin', 'browser'), ('pinned_at', None)), fields=['owner', '-active_at', '-id'], name='conversations_in_sidebar'),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('deleted_at', None), ('origin', 'browser'), ('pinned_at__isnull', False)), fields=['owner', '-pinned_at'], name='conversations_pinned'),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(condition=models.Q(('archived_at__isnull', False), ('deleted_at', None), ('origin', 'browser')), fields=['owner', '-active_at', '-id'], name='conversations_archived'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.UniqueConstraint(models.F('owner'), django.db.models.functions.text.Lower('name'), name='tag_name_once_per_person'),
        ),
        migrations.RunSQL(WORDS_OF_MESSAGES, NO_WORDS),
    ]
