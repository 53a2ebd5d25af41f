"""An event costs less to write: no constraints that checking the chain proves better, no index over what every answer
writes, the hash in the statement that puts the event in, in place of a function of a row, and a lock that is no write.
"""

from django.db import migrations

# An owner of the tables who drops a constraint could write what it forbids; the chain finds that, and more.
CONSTRAINTS = """
alter table audit_event drop constraint audit_event_shard_check, drop constraint audit_event_seq_check,
    drop constraint audit_event_prev_check, drop constraint audit_event_hash_check;
alter table audit_head drop constraint audit_head_shard_check, drop constraint audit_head_hash_check;
"""

# Of these there are so many that the newest are soon found through the index by time.
INDEX = """
drop index audit_event_by_action;
create index audit_event_by_rare_action on audit_event (action, at desc)
    where action not in ('message.ask', 'message.done');
"""

# The same bytes as audit_hash had; parts of a constant length have their lengths as constants. The lock of a shard is a
# number of ours and the shard's: it is held until the transaction ends, as that of the head's row was.
APPEND = r"""
create or replace function audit_append(
    actor text, action text, object text, outcome text, request_id text, payload jsonb
) returns void language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    chosen smallint := nullif(current_setting('parley.audit_shard', true), '')::smallint;
    event_id uuid := gen_random_uuid();
    event_at timestamptz;
    event_seq bigint;
    before bytea;
    made bytea;
begin
    if chosen is null then
        chosen := get_byte(sha256(convert_to(coalesce(nullif(object, ''), actor), 'UTF8')), 0) % 64;
        perform set_config('parley.audit_shard', chosen::text, true);
    end if;
    perform pg_advisory_xact_lock(1635083369, chosen);
    select seq + 1, hash into strict event_seq, before from audit_head where shard = chosen;
    event_at := clock_timestamp();
    insert into audit_event (
        id, shard, seq, at, actor, action, object, outcome, request_id, payload, prev, hash
    ) values (
        event_id, chosen, event_seq, event_at, actor, action, object, outcome, request_id, payload, before,
        sha256(
            '\x0000000e'::bytea || 'parley-audit-1'::bytea
            || '\x00000008'::bytea || int8send(chosen) || '\x00000008'::bytea || int8send(event_seq)
            || '\x00000010'::bytea || uuid_send(event_id)
            || '\x00000008'::bytea || int8send((extract(epoch from event_at) * 1000000)::bigint)
            || int4send(octet_length(actor)) || convert_to(actor, 'UTF8')
            || int4send(octet_length(action)) || convert_to(action, 'UTF8')
            || int4send(octet_length(object)) || convert_to(object, 'UTF8')
            || int4send(octet_length(outcome)) || convert_to(outcome, 'UTF8')
            || int4send(octet_length(request_id)) || convert_to(request_id, 'UTF8')
            || int4send(octet_length(payload::text)) || convert_to(payload::text, 'UTF8')
            || '\x00000020'::bytea || before
        )
    ) returning hash into made;
    update audit_head set seq = event_seq, hash = made where shard = chosen;
end
$$;
drop function audit_hash(audit_event);
drop function audit_framed(bytea);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0015_directory")]

    # No way back: what is gone was no longer needed, and what was written since reads the same.
    operations = [migrations.RunSQL(CONSTRAINTS), migrations.RunSQL(INDEX), migrations.RunSQL(APPEND)]
