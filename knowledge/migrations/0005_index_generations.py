from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("knowledge", "0004_fill_version_counts"),
        ("inference", "0002_search_roles"),
    ]

    operations = [
        migrations.AddField(
            model_name="indexgeneration",
            name="failures",
            field=models.PositiveSmallIntegerField(default=0, help_text="Of its model's server, one after the other."),
        ),
        migrations.AlterField(
            model_name="indexgeneration",
            name="attempts",
            field=models.PositiveIntegerField(default=0, help_text="Rises with every owner; the fence of its lease."),
        ),
        migrations.AlterField(
            model_name="indexgeneration",
            name="state",
            field=models.CharField(
                choices=[
                    ("building", "Building"),
                    ("ready", "Ready"),
                    ("serving", "Serving"),
                    ("failed", "Failed"),
                    ("removing", "Removing"),
                ],
                default="serving",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="indexgeneration",
            constraint=models.CheckConstraint(condition=Q(is_serving=Q(state="serving")), name="serving_index_says_so"),
        ),
    ]
