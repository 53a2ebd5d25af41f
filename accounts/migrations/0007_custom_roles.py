"""Roles made here, and what they give, written beside each person.

The triggers are what keeps ``granted`` right: whatever sets a person's roles, and whatever changes a role. The lock on
the role's row makes giving a role wait for a change of it, and the other way round.
"""

import django.contrib.postgres.fields
import django.utils.timezone
from django.db import migrations, models

KEEPING = """
create function accounts_user_granted() returns trigger language plpgsql
as $$
begin
    new.granted := coalesce(
        (
            select array_agg(distinct given.capability order by given.capability) from (
                select unnest(role.capabilities) as capability from (
                    select capabilities from accounts_customrole where slug = any(new.roles) for share
                ) role
            ) given
        ),
        '{}'
    );
    return new;
end
$$;
create trigger accounts_user_granted before insert or update of roles, granted on accounts_user
    for each row execute function accounts_user_granted();

create function accounts_customrole_changed() returns trigger language plpgsql
as $$
begin
    if tg_op = 'DELETE' then
        update accounts_user set roles = array_remove(roles, old.slug::varchar) where roles @> array[old.slug::varchar];
    else
        update accounts_user set roles = roles where roles @> array[new.slug::varchar];
    end if;
    return null;
end
$$;
create trigger accounts_customrole_changed after insert or delete or update of capabilities on accounts_customrole
    for each row execute function accounts_customrole_changed();
"""

DROPPING = """
drop trigger accounts_customrole_changed on accounts_customrole;
drop function accounts_customrole_changed();
drop trigger accounts_user_granted on accounts_user;
drop function accounts_user_granted();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_audit_checkpoints")]

    operations = [
        migrations.CreateModel(
            name="CustomRole",
            fields=[
                ("slug", models.SlugField(max_length=20, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60, unique=True)),
                ("description", models.CharField(blank=True, max_length=300)),
                (
                    "capabilities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.AddField(
            model_name="user",
            name="granted",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40),
                blank=True,
                db_default=[],
                default=list,
                editable=False,
                size=None,
            ),
        ),
        migrations.AlterField(
            model_name="user",
            name="roles",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), blank=True, default=list, size=None
            ),
        ),
        migrations.RunSQL(KEEPING, DROPPING),
    ]
