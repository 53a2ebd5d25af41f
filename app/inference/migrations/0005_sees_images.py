from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inference', '0004_parallel_sizes'),
    ]

    operations = [
        migrations.AddField(
            model_name='model',
            name='sees_images',
            field=models.BooleanField(db_default=False, default=False, help_text='It takes images with a question; without it only their text goes.'),
        ),
    ]
