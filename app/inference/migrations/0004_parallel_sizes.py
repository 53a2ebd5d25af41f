import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0003_prices_adapters_and_reasons"),
    ]

    operations = [
        migrations.AddField(
            model_name="model",
            name="pipeline_parallel",
            field=models.PositiveSmallIntegerField(
                default=1,
                help_text="Groups of GPUs that take its layers in turn.",
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AddField(
            model_name="model",
            name="tensor_parallel",
            field=models.PositiveSmallIntegerField(
                default=1,
                help_text="GPUs that share each layer where Parley serves it.",
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
    ]
