import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import mailadmin.models.fields
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailadmin', '0005_log_search'),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('event', models.CharField(choices=[('failing', 'Newly failing'), ('recovered', 'Recovered'), ('fallback', 'Sent by fallback'), ('unsure', 'Maybe delivered'), ('expiry', 'A secret or certificate ends'), ('silence', 'No message got through'), ('test', 'Test alert')], max_length=20)),
                ('key', models.CharField(blank=True, db_index=True, max_length=160)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('route_kind', models.CharField(blank=True, max_length=10)),
                ('route_id', models.UUIDField(null=True)),
                ('code', models.CharField(blank=True, max_length=80)),
                ('title', models.CharField(max_length=255)),
                ('text', models.TextField(blank=True)),
                ('remedy', models.JSONField(default=list)),
                ('owner', models.CharField(blank=True, max_length=80)),
                ('path', models.CharField(blank=True, max_length=255)),
                ('created_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ('-created_at',),
            },
        ),
        migrations.CreateModel(
            name='AlertChannel',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80, unique=True, validators=[mailadmin.models.fields.Checked('one_line')])),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('kind', models.CharField(choices=[('email', 'E-mail'), ('webhook', 'Webhook (JSON, signed)'), ('slack', 'Slack'), ('teams', 'Microsoft Teams')], default='email', max_length=10, verbose_name='kind')),
                ('recipients', models.TextField(blank=True, validators=[mailadmin.models.fields.Checked('address_list')], verbose_name='send to')),
                ('host', models.CharField(blank=True, editable=False, max_length=255, verbose_name='host')),
                ('events', models.JSONField(blank=True, default=list, verbose_name='events')),
                ('enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('url_stored', models.TextField(blank=True, default='', editable=False)),
                ('url_destination', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('url_changed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('signing_stored', models.TextField(blank=True, default='', editable=False)),
                ('signing_destination', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('signing_changed_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'verbose_name': 'alert channel',
                'ordering': (django.db.models.functions.text.Lower('name'),),
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('key', models.CharField(max_length=160, primary_key=True, serialize=False)),
                ('event', models.CharField(choices=[('failing', 'Newly failing'), ('recovered', 'Recovered'), ('fallback', 'Sent by fallback'), ('unsure', 'Maybe delivered'), ('expiry', 'A secret or certificate ends'), ('silence', 'No message got through'), ('test', 'Test alert')], max_length=20)),
                ('facts', models.JSONField(default=dict)),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('well_at', models.DateTimeField(null=True)),
                ('over', models.BooleanField(default=False)),
                ('told_at', models.DateTimeField(null=True)),
                ('held_back', models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='SenderDomain',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('domain', models.CharField(max_length=253, unique=True, validators=[mailadmin.models.fields.Checked('domain')])),
                ('selectors', models.TextField(blank=True, validators=[mailadmin.models.fields.Checked('selectors')], verbose_name='DKIM selectors')),
                ('reading', models.JSONField(default=dict)),
                ('read_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ('domain',),
            },
        ),
        migrations.AddField(
            model_name='auditentry',
            name='before',
            field=models.JSONField(default=dict),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['object_id'], name='mailadmin_audit_object'),
        ),
        migrations.AddField(
            model_name='connectiontest',
            name='batch',
            field=models.UUIDField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name='connectiontest',
            name='digest',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='connectiontest',
            name='scheduled',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='connectiontest',
            name='values',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='connectionteststep',
            name='details',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='connectionteststep',
            name='fixes',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='connectionteststep',
            name='offset',
            field=models.FloatField(default=0),
        ),
        migrations.AddField(
            model_name='settings',
            name='alert_quiet_minutes',
            field=models.PositiveIntegerField(default=60, validators=[django.core.validators.MaxValueValidator(10080)], verbose_name='say the same thing again after (minutes)'),
        ),
        migrations.AddField(
            model_name='settings',
            name='console_url',
            field=models.CharField(blank=True, max_length=255, validators=[mailadmin.models.fields.Checked('web_address')], verbose_name='address of this console'),
        ),
        migrations.AddField(
            model_name='settings',
            name='probe_minutes',
            field=models.PositiveIntegerField(default=60, validators=[django.core.validators.MaxValueValidator(10080)], verbose_name='test every connection every (minutes)'),
        ),
        migrations.AddField(
            model_name='settings',
            name='resolvers',
            field=models.TextField(blank=True, validators=[mailadmin.models.fields.Checked('resolvers')], verbose_name='DNS resolvers'),
        ),
        migrations.AddField(
            model_name='settings',
            name='silence_hours',
            field=models.PositiveIntegerField(default=24, validators=[django.core.validators.MaxValueValidator(720)], verbose_name='warn when no message got through for (hours)'),
        ),
        migrations.AddField(
            model_name='settings',
            name='watched_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name='AlertDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel_name', models.CharField(max_length=80)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sending', 'Sending'), ('sent', 'Sent'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(null=True)),
                ('detail', models.TextField(blank=True)),
                ('log_id', models.UUIDField(null=True)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='mailadmin.alert')),
                ('channel', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailadmin.alertchannel')),
            ],
            options={
                'ordering': ('pk',),
            },
        ),
    ]
