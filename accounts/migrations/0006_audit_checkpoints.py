"""Signed checkpoints of the audit log, kept as the log itself is: added to, never changed; and indexes to read it by."""

from django.db import migrations, models

TABLES = """
create table audit_checkpoint (
    number bigint primary key check (number > 0),
    at timestamptz not null,
    statement text not null,
    signature varchar(128) not null,
    moved text not null,
    seqs bigint[] not null check (array_length(seqs, 1) = 64)
);
create trigger audit_checkpoint_stays before update or delete on audit_checkpoint
    for each row execute function audit_refuse();
create trigger audit_checkpoint_is_kept before truncate on audit_checkpoint
    for each statement execute function audit_refuse();
revoke all on audit_checkpoint from public;

create index audit_event_by_object on audit_event (object, at desc);
create index audit_event_by_action on audit_event (action, at desc);
create index audit_event_by_request on audit_event (request_id) where request_id <> '';
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_language")]

    # No way back: undoing this would destroy the checkpoints.
    operations = [
        migrations.RunSQL(TABLES),
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("statement", models.TextField()),
                ("signature", models.CharField(max_length=128)),
            ],
            options={"db_table": "audit_checkpoint", "managed": False},
        ),
        migrations.CreateModel(
            name="AuditCheck",
            fields=[
                ("kind", models.CharField(max_length=8, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("events", models.BigIntegerField(default=0)),
                ("seconds", models.FloatField(default=0)),
                ("faults", models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name="AuditWitness",
            fields=[
                ("address", models.CharField(max_length=500, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
                ("told_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=300)),
            ],
        ),
    ]
