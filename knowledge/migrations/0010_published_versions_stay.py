from django.db import migrations

_GUARD = """
create function knowledge_version_stays() returns trigger language plpgsql
as $$ begin raise exception 'a version never changes after it was published' using errcode = 'insufficient_privilege'; end $$;

create trigger knowledge_version_stays before update on knowledge_version for each row
    when (old.published_at is not null and (
        (old.document_id, old.number, old.sha256, old.size_bytes, old.file, old.text, old.pages, old.published_at)
        is distinct from
        (new.document_id, new.number, new.sha256, new.size_bytes, new.file, new.text, new.pages, new.published_at)))
    execute function knowledge_version_stays();
"""

_UNGUARD = """
drop trigger knowledge_version_stays on knowledge_version;
drop function knowledge_version_stays();
"""


class Migration(migrations.Migration):
    """What answers cite stays as it was: the database itself refuses to change a published version."""

    dependencies = [("knowledge", "0009_search_indexes")]

    operations = [migrations.RunSQL(_GUARD, _UNGUARD)]
