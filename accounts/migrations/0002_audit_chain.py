"""The audit log's tables, its one way in, and what keeps everybody from changing what it holds.

64 chains, so that deeds rarely wait for each other. An event's hash covers every field of it, each with its length in
front, and the hash before it in its chain; `accounts/audit_chain.py` recomputes the same bytes without Django.
"""

from django.db import migrations

TABLES = """
create table audit_event (
    id uuid primary key default gen_random_uuid(),
    shard smallint not null check (shard between 0 and 63),
    seq bigint not null check (seq > 0),
    at timestamptz not null,
    actor varchar(64) not null,
    action varchar(64) not null,
    object varchar(128) not null,
    outcome varchar(16) not null,
    request_id varchar(64) not null,
    payload jsonb not null,
    prev bytea not null check (length(prev) = 32),
    hash bytea not null check (length(hash) = 32),
    constraint audit_event_place_once unique (shard, seq)
);
create index audit_event_newest on audit_event (at desc, id desc);
create index audit_event_by_actor on audit_event (actor, at desc);

-- Updated by every event, never indexed: the free space lets PostgreSQL write the new row beside the old one.
create table audit_head (
    shard smallint primary key check (shard between 0 and 63),
    seq bigint not null default 0,
    hash bytea not null check (length(hash) = 32)
) with (fillfactor = 10);
insert into audit_head (shard, hash) select shard, decode(repeat('00', 32), 'hex') from generate_series(0, 63) as shard;
"""

FUNCTIONS = """
create function audit_framed(part bytea) returns bytea language sql immutable strict
as $$ select int4send(length(part)) || part $$;

create function audit_hash(event audit_event) returns bytea language sql stable strict
as $$
select sha256(
    audit_framed('parley-audit-1'::bytea)
    || audit_framed(int8send(event.shard)) || audit_framed(int8send(event.seq)) || audit_framed(uuid_send(event.id))
    || audit_framed(int8send((extract(epoch from event.at) * 1000000)::bigint))
    || audit_framed(convert_to(event.actor, 'UTF8')) || audit_framed(convert_to(event.action, 'UTF8'))
    || audit_framed(convert_to(event.object, 'UTF8')) || audit_framed(convert_to(event.outcome, 'UTF8'))
    || audit_framed(convert_to(event.request_id, 'UTF8')) || audit_framed(convert_to(event.payload::text, 'UTF8'))
    || audit_framed(event.prev)
)
$$;

-- Runs as its owner, because the application's role may not write to the log in any other way. The first event of a
-- transaction chooses the shard for all of them: a transaction then holds one head at most, and heads cannot deadlock.
create function audit_append(actor text, action text, object text, outcome text, request_id text, payload jsonb)
returns void language plpgsql security definer set search_path = public, pg_temp
as $$
declare
    chosen text := current_setting('parley.audit_shard', true);
    head audit_head;
    event audit_event;
begin
    if chosen is null or chosen = '' then
        chosen := get_byte(sha256(convert_to(coalesce(nullif(object, ''), actor), 'UTF8')), 0) % 64;
        perform set_config('parley.audit_shard', chosen, true);
    end if;
    select * into strict head from audit_head where shard = chosen::smallint for update;
    event := row(
        gen_random_uuid(), head.shard, head.seq + 1, clock_timestamp(),
        actor, action, object, outcome, request_id, payload, head.hash, head.hash
    );
    event.hash := audit_hash(event);
    insert into audit_event select event.*;
    update audit_head set seq = event.seq, hash = event.hash where shard = event.shard;
end
$$;
"""

GUARDS = """
create function audit_refuse() returns trigger language plpgsql
as $$ begin raise exception 'the audit log only grows' using errcode = 'insufficient_privilege'; end $$;

create function audit_head_advances() returns trigger language plpgsql
as $$
begin
    if new.shard = old.shard and new.seq = old.seq + 1 and exists (
        select from audit_event where shard = new.shard and seq = new.seq and prev = old.hash and hash = new.hash
    ) then
        return new;
    end if;
    raise exception 'a head of the audit log moves by one event at a time' using errcode = 'insufficient_privilege';
end
$$;

create trigger audit_event_stays before update or delete on audit_event
    for each row execute function audit_refuse();
create trigger audit_event_is_kept before truncate on audit_event
    for each statement execute function audit_refuse();
create trigger audit_head_advances before update on audit_head
    for each row execute function audit_head_advances();
create trigger audit_head_stays before insert or delete on audit_head
    for each row execute function audit_refuse();
create trigger audit_head_is_kept before truncate on audit_head
    for each statement execute function audit_refuse();

revoke all on audit_event, audit_head from public;
revoke all on function audit_append(text, text, text, text, text, jsonb) from public;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    # No way back: undoing this would destroy the log.
    operations = [migrations.RunSQL(TABLES), migrations.RunSQL(FUNCTIONS), migrations.RunSQL(GUARDS)]
