from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="model",
            name="query_prefix",
            field=models.CharField(
                blank=True,
                default="",
                help_text="What an embedding model wants before a question, such as “query: ”; see its card.",
                max_length=500,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="model",
            name="passage_prefix",
            field=models.CharField(
                blank=True,
                default="",
                help_text="What an embedding model wants before a passage, such as “passage: ”; see its card.",
                max_length=500,
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="model",
            name="role",
            field=models.CharField(
                choices=[
                    ("generate", "writes answers"),
                    ("embed", "embeds text"),
                    ("rerank", "orders passages"),
                    ("expand", "widens searches"),
                    ("guard", "judges content"),
                ],
                default="generate",
                max_length=10,
            ),
        ),
    ]
