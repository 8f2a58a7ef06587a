import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def take_over_times(apps, schema_editor):
    """Give the recipients and attempts that are there the time of their message, by which the log is ordered."""
    alias = schema_editor.connection.alias
    delivery = apps.get_model('mailadmin', 'Delivery').objects.using(alias).filter(pk=models.OuterRef('delivery_id'))
    for name in ('DeliveryRecipient', 'DeliveryAttempt'):
        rows = apps.get_model('mailadmin', name).objects.using(alias)
        rows.update(logged_at=models.Subquery(delivery.values('created_at')))


class Migration(migrations.Migration):

    dependencies = [
        ('mailadmin', '0004_outbox'),
    ]

    operations = [
        # Its index by trigrams is no business of a migration: not every database can have one, and who installs
        # pg_trgm later gets it with the next `migrate` (delivery.trigrams).
        migrations.CreateModel(
            name='LogText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('delivery', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='text', to='mailadmin.delivery')),
                ('text', models.TextField()),
                ('over', models.BooleanField()),
            ],
        ),
        migrations.AddField(
            model_name='deliveryattempt',
            name='logged_at',
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name='deliveryrecipient',
            name='logged_at',
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.RunPython(take_over_times, migrations.RunPython.noop, elidable=True),
        migrations.RemoveIndex(
            model_name='delivery',
            name='mailadmin_delivery_state',
        ),
        migrations.AlterField(
            model_name='delivery',
            name='message_id',
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AlterField(
            model_name='deliveryrecipient',
            name='address',
            field=models.CharField(max_length=320),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['state', 'created_at'], name='mailadmin_log_by_state'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['label', 'created_at'], name='mailadmin_log_by_label'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['code', 'created_at'], name='mailadmin_log_by_code'),
        ),
        migrations.AddIndex(
            model_name='deliveryattempt',
            index=models.Index(fields=['route_id', 'logged_at'], name='mailadmin_log_by_route'),
        ),
        migrations.AddIndex(
            model_name='deliveryrecipient',
            index=models.Index(fields=['address', 'logged_at'], name='mailadmin_log_by_address'),
        ),
    ]
