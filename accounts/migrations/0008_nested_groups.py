"""Groups inside groups: the edges, their closure, and the view of who is in which group by it.

The closure is made anew after every change of an edge, under one lock: there are hundreds of groups, not millions, and
two changes at once could otherwise each miss the other's. A ring is refused.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

CLOSURE = """
create table accounts_group_reach (
    id bigint generated always as identity primary key,
    outer_id uuid not null references accounts_group (id) on delete cascade deferrable initially deferred,
    inner_id uuid not null references accounts_group (id) on delete cascade deferrable initially deferred,
    constraint group_reached_once unique (outer_id, inner_id)
);
create index group_reached_from on accounts_group_reach (inner_id, outer_id);
insert into accounts_group_reach (outer_id, inner_id) select id, id from accounts_group;

-- What the closure has to be.
create view accounts_group_ways as
    with recursive way (outer_id, inner_id) as (
        select id, id from accounts_group
        union
        select way.outer_id, deeper.inner_id
        from way join accounts_nesting deeper on deeper.outer_id = way.inner_id
    )
    select outer_id, inner_id from way;

-- Every person of a group once, by whatever way. A person or a group asked for is looked up before the rows are told
-- apart, so that this costs what a table of members would.
create view accounts_belonging as
    select distinct members.user_id, reach.outer_id as group_id
    from accounts_group_members members join accounts_group_reach reach on reach.inner_id = members.group_id;
"""

# They run as their owner, because the application's role may not write to the closure in any other way.
KEEPING = """
create function accounts_group_begins() returns trigger language plpgsql
security definer set search_path = public, pg_temp
as $$
begin
    insert into accounts_group_reach (outer_id, inner_id) values (new.id, new.id);
    return null;
end
$$;
create trigger accounts_group_begins after insert on accounts_group
    for each row execute function accounts_group_begins();

create function accounts_nesting_changed() returns trigger language plpgsql
security definer set search_path = public, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtext('accounts_nesting'));
    if exists (
        with recursive way (outer_id, inner_id) as (
            select outer_id, inner_id from accounts_nesting
            union
            select way.outer_id, deeper.inner_id
            from way join accounts_nesting deeper on deeper.outer_id = way.inner_id
        )
        select from way where outer_id = inner_id
    ) then
        raise exception 'a group cannot be inside itself' using errcode = 'check_violation';
    end if;
    delete from accounts_group_reach kept where not exists (
        select from accounts_group_ways way
        where way.outer_id = kept.outer_id and way.inner_id = kept.inner_id
    );
    insert into accounts_group_reach (outer_id, inner_id)
        select outer_id, inner_id from accounts_group_ways on conflict do nothing;
    return null;
end
$$;
create trigger accounts_nesting_changed after insert or update or delete on accounts_nesting
    for each statement execute function accounts_nesting_changed();
"""

DROPPING = """
drop trigger accounts_nesting_changed on accounts_nesting;
drop function accounts_nesting_changed();
drop trigger accounts_group_begins on accounts_group;
drop function accounts_group_begins();
drop view accounts_belonging;
drop view accounts_group_ways;
drop table accounts_group_reach;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_custom_roles")]

    operations = [
        migrations.AddField(
            model_name="group",
            name="external_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What a directory calls it; it then fills it.",
                max_length=200,
            ),
        ),
        migrations.AddConstraint(
            model_name="group",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("external_id",),
                name="external_group_once",
            ),
        ),
        migrations.CreateModel(
            name="Nesting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "outer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="holdings", to="accounts.group"
                    ),
                ),
                (
                    "inner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="places", to="accounts.group"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("outer", "inner"), name="nested_once"),
                    models.CheckConstraint(
                        condition=models.Q(("outer", models.F("inner")), _negated=True), name="no_group_in_itself"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GroupReach",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
            options={"db_table": "accounts_group_reach", "managed": False},
        ),
        migrations.CreateModel(
            name="Belonging",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="accounts.group"
                    ),
                ),
            ],
            options={"db_table": "accounts_belonging", "managed": False},
        ),
        migrations.AddField(
            model_name="group",
            name="everybody",
            field=models.ManyToManyField(
                blank=True,
                editable=False,
                related_name="groups_reached",
                through="accounts.Belonging",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunSQL(CLOSURE, migrations.RunSQL.noop),
        migrations.RunSQL(KEEPING, DROPPING),
    ]
