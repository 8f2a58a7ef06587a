from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("customer", models.CharField(max_length=80, verbose_name="your name")),
                ("address", models.EmailField(max_length=254, verbose_name="your e-mail address")),
                ("article", models.CharField(max_length=80, verbose_name="what you want")),
                ("pieces", models.PositiveIntegerField(default=1, verbose_name="how many")),
                ("confirmed", models.BooleanField(default=False, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
    ]
