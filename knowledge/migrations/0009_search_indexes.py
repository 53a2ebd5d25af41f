"""What searching needs besides: vectors by source, the few disabled passages, and one who may index vectors.

The application's role owns no table and so may not index one. The function runs as its owner, and can do nothing but
make or drop the one index of a generation that there is.
"""

from django.db import migrations, models
from django.db.models import Q

_FUNCTION = """
create function knowledge_index_vectors(generation integer, wanted boolean) returns boolean
language plpgsql security definer set search_path = public, pg_temp set maintenance_work_mem = '256MB'
as $$
declare
    name constant text := 'knowledge_embedding_hnsw_' || generation;
    size integer;
begin
    -- One at a time: whoever comes second finds it done at the next look.
    if not pg_try_advisory_xact_lock(7046002) then
        return false;
    end if;
    if not wanted then
        execute format('drop index if exists %I', name);
        return true;
    end if;
    select dimensions into size from knowledge_indexgeneration where id = generation;
    if size is null or size > 4000 then  -- pgvector indexes no longer ones
        return false;
    end if;
    execute format(
        'create index if not exists %I on knowledge_embedding using hnsw ((vector::halfvec(%s)) halfvec_cosine_ops) '
        'where generation_id = %s and is_found', name, size, generation
    );
    return true;
end
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0008_vectors_by_source")]

    operations = [
        migrations.AddIndex(
            "embedding",
            models.Index(fields=["generation", "source_id"], condition=Q(is_found=True), name="vectors_found_by_source"),
        ),
        migrations.AddIndex(
            "passage",
            models.Index(fields=["id"], condition=Q(disabled_at__isnull=False), name="passages_disabled"),
        ),
        migrations.RunSQL(_FUNCTION, "drop function knowledge_index_vectors(integer, boolean)"),
    ]
