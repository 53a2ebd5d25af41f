"""Texts of people are sealed under their own keys; see docs/decisions/0030-sealed-texts.md.

Columns with a length become texts, since what is sealed is longer; that rewrites no table. The words that find a message
are no longer made by the database, which cannot read the text: those of rows from before stay until they are sealed.
What the application wrote since cannot be read by an older one, so this is not undone.
"""

import accounts.sealed.fields
import chat.models.messages
import chat.models.sharing
from django.db import migrations, models


KEEP_WORDS = "alter table chat_message alter column words drop expression"


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0013_person_keys'),
        ('chat', '0010_trust'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(KEEP_WORDS, migrations.RunSQL.noop)],
            state_operations=[
                migrations.AddField(
                    model_name='message',
                    name='words',
                    field=chat.models.messages.WordsField(editable=False, null=True),
                ),
            ],
        ),
        migrations.AlterField(
            model_name='attachment',
            name='name',
            field=accounts.sealed.fields.SealedTextField(owner='owner_id'),
        ),
        migrations.AlterField(
            model_name='attachment',
            name='note',
            field=accounts.sealed.fields.SealedTextField(blank=True, help_text='What its person should know of it.', owner='owner_id'),
        ),
        migrations.AlterField(
            model_name='attachment',
            name='pages',
            field=accounts.sealed.fields.SealedJSONField(default=list, owner='owner_id'),
        ),
        migrations.AlterField(
            model_name='attachment',
            name='reason',
            field=accounts.sealed.fields.SealedTextField(blank=True, help_text='Why it was refused, in words for its person.', owner='owner_id'),
        ),
        migrations.AlterField(
            model_name='attachment',
            name='text',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='owner_id'),
        ),
        migrations.AlterField(
            model_name='attachmentpassage',
            name='heading_path',
            field=accounts.sealed.fields.SealedListField(base_field=models.TextField(), default=list, owner='file.owner_id', size=None),
        ),
        migrations.AlterField(
            model_name='attachmentpassage',
            name='text',
            field=accounts.sealed.fields.SealedTextField(owner='file.owner_id'),
        ),
        migrations.AlterField(
            model_name='conversation',
            name='title',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='owner_id'),
        ),
        migrations.AlterField(
            model_name='feedback',
            name='text',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='user_id'),
        ),
        migrations.AlterField(
            model_name='instructions',
            name='about',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='user_id'),
        ),
        migrations.AlterField(
            model_name='instructions',
            name='manner',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='user_id'),
        ),
        migrations.AlterField(
            model_name='message',
            name='error',
            field=accounts.sealed.fields.SealedTextField(blank=True, help_text='Why it ended so, in words for its reader.', owner='conversation.owner_id'),
        ),
        migrations.AlterField(
            model_name='message',
            name='evidence',
            field=accounts.sealed.fields.SealedJSONField(default=list, help_text='Passages shown with it, best first.', owner='conversation.owner_id'),
        ),
        migrations.AlterField(
            model_name='message',
            name='held_text',
            field=accounts.sealed.fields.SealedTextField(blank=True, help_text='What waits for a person; its reader never gets it.', owner='conversation.owner_id'),
        ),
        migrations.AlterField(
            model_name='message',
            name='log',
            field=accounts.sealed.fields.SealedJSONField(default=list, help_text='[seq, type, value] of its events; see chat.streaming.events.', owner='conversation.owner_id'),
        ),
        migrations.AlterField(
            model_name='message',
            name='text',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='conversation.owner_id'),
        ),
        migrations.AlterField(
            model_name='reply',
            name='text',
            field=accounts.sealed.fields.SealedTextField(owner='conversation.owner_id'),
        ),
        migrations.AlterField(
            model_name='savedprompt',
            name='text',
            field=accounts.sealed.fields.SealedTextField(owner='owner_id'),
        ),
        migrations.AlterField(
            model_name='share',
            name='note',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='owner_id'),
        ),
        migrations.AlterField(
            model_name='share',
            name='snapshot',
            field=accounts.sealed.fields.SealedJSONField(default=chat.models.sharing.nothing_to_read, help_text='See chat.composing.snapshots.', owner='owner_id'),
        ),
    ]
