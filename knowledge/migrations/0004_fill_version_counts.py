from django.db import migrations

_FILL = """
UPDATE knowledge_version v SET
    title = d.title,
    passage_count = (SELECT count(*) FROM knowledge_passage p WHERE p.version_id = v.id)
FROM knowledge_document d WHERE d.id = v.document_id AND v.published_at IS NOT NULL;
UPDATE knowledge_indexgeneration SET served_at = created_at, ready_at = created_at WHERE is_serving;
"""


class Migration(migrations.Migration):
    """Versions published before these columns existed know their title and size too."""

    dependencies = [("knowledge", "0003_keeping_and_quality")]

    operations = [migrations.RunSQL(_FILL, migrations.RunSQL.noop)]
