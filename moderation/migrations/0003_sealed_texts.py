"""Copies of texts in cases are sealed under the key of whom they are about."""

import accounts.sealed.fields
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0013_person_keys'),
        ('moderation', '0002_appeals'),
    ]

    operations = [
        migrations.AlterField(
            model_name='case',
            name='answer',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='subject_id'),
        ),
        migrations.AlterField(
            model_name='case',
            name='appeal',
            field=accounts.sealed.fields.SealedTextField(blank=True, db_default='', help_text='Why its reader asks for a second look.', owner='subject_id'),
        ),
        migrations.AlterField(
            model_name='case',
            name='context',
            field=accounts.sealed.fields.SealedJSONField(default=list, help_text='Passages the answer rests on: title, page, quote.', owner='subject_id'),
        ),
        migrations.AlterField(
            model_name='case',
            name='question',
            field=accounts.sealed.fields.SealedTextField(owner='subject_id'),
        ),
        migrations.AlterField(
            model_name='caseevent',
            name='note',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='case.subject_id'),
        ),
        migrations.AlterField(
            model_name='decision',
            name='reason',
            field=accounts.sealed.fields.SealedTextField(blank=True, owner='case.subject_id'),
        ),
        migrations.AlterField(
            model_name='decision',
            name='text',
            field=accounts.sealed.fields.SealedTextField(blank=True, help_text='What goes out instead of the part kept back, for action edit.', owner='case.subject_id'),
        ),
    ]
