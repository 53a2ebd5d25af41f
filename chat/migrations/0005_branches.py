import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_keys_of_answers")]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="chosen",
            field=models.ForeignKey(
                editable=False,
                help_text="The message that ends the branch which is shown; nothing: the newest one.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="chat.message",
            ),
        )
    ]
