"""Vectors know their source and whether they are found, so that searching passes over others' without reading more.

The database keeps both columns itself: a vector is placed when it is written, and moves when its version comes into
force or leaves it. The version's row is locked meanwhile, so that neither misses the other.
"""

from django.db import migrations, models

_FUNCTIONS = """
create function knowledge_place_vector() returns trigger language plpgsql set search_path = public, pg_temp
as $$
begin
    select d.source_id, v.published_at is not null and v.withdrawn_at is null
    into new.source_id, new.is_found
    from knowledge_passage p
    join knowledge_version v on v.id = p.version_id
    join knowledge_document d on d.id = v.document_id
    where p.id = new.passage_id
    for share of v;
    return new;
end
$$;
create trigger knowledge_place_vector before insert on knowledge_embedding
for each row execute function knowledge_place_vector();

create function knowledge_move_vectors() returns trigger language plpgsql set search_path = public, pg_temp
as $$
begin
    update knowledge_embedding e set is_found = new.published_at is not null and new.withdrawn_at is null
    from knowledge_passage p
    where p.version_id = new.id and e.passage_id = p.id
    and e.is_found is distinct from (new.published_at is not null and new.withdrawn_at is null);
    return null;
end
$$;
create trigger knowledge_move_vectors after update of published_at, withdrawn_at on knowledge_version
for each row when (
    (old.published_at is not null and old.withdrawn_at is null)
    is distinct from (new.published_at is not null and new.withdrawn_at is null)
)
execute function knowledge_move_vectors();
"""

_FILL = """
update knowledge_embedding e
set source_id = d.source_id, is_found = v.published_at is not null and v.withdrawn_at is null
from knowledge_passage p
join knowledge_version v on v.id = p.version_id
join knowledge_document d on d.id = v.document_id
where p.id = e.passage_id;
"""

_UNDO = """
drop trigger knowledge_move_vectors on knowledge_version;
drop function knowledge_move_vectors();
drop trigger knowledge_place_vector on knowledge_embedding;
drop function knowledge_place_vector();
"""


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0007_what_syncs_brought")]

    operations = [
        migrations.AddField("embedding", "source_id", models.UUIDField(editable=False, null=True)),
        migrations.AddField(
            "embedding", "is_found", models.BooleanField(db_default=False, default=False, editable=False)
        ),
        migrations.RunSQL(_FUNCTIONS, _UNDO),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
    ]
