import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import mailadmin.models.fields
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailadmin', '0006_diagnosis'),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiClient',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80, unique=True, validators=[mailadmin.models.fields.Checked('one_line')])),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('managed_by', models.CharField(blank=True, editable=False, max_length=200)),
                ('token_digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('token_start', models.CharField(editable=False, max_length=16)),
                ('token_made_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('scopes', models.JSONField(default=list, verbose_name='may')),
                ('senders', models.TextField(blank=True, validators=[mailadmin.models.fields.Checked('sender_list')], verbose_name='allowed senders')),
                ('routes', models.JSONField(blank=True, default=list, verbose_name='allowed routes')),
                ('label', models.CharField(blank=True, max_length=80, validators=[mailadmin.models.fields.Checked('one_line')], verbose_name='endpoint label')),
                ('daily_limit', models.PositiveIntegerField(default=10000, validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='messages a day')),
                ('minute_limit', models.PositiveIntegerField(default=120, validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='requests a minute')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='valid until')),
                ('enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('revoked_at', models.DateTimeField(editable=False, null=True)),
                ('host', models.CharField(blank=True, editable=False, max_length=255)),
                ('minute_at', models.DateTimeField(editable=False, null=True)),
                ('minute_count', models.PositiveIntegerField(default=0, editable=False)),
                ('day', models.DateField(editable=False, null=True)),
                ('day_count', models.PositiveIntegerField(default=0, editable=False)),
                ('last_used_at', models.DateTimeField(editable=False, null=True)),
                ('url_stored', models.TextField(blank=True, default='', editable=False)),
                ('url_destination', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('url_changed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('signing_stored', models.TextField(blank=True, default='', editable=False)),
                ('signing_destination', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('signing_changed_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'verbose_name': 'API client',
                'ordering': (django.db.models.functions.text.Lower('name'),),
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='managed_by',
            field=models.CharField(blank=True, editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name='delivery',
            name='fingerprint',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='delivery',
            name='metadata',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='integratedservice',
            name='managed_by',
            field=models.CharField(blank=True, editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name='oauthservice',
            name='managed_by',
            field=models.CharField(blank=True, editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name='senderdomain',
            name='managed_by',
            field=models.CharField(blank=True, editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name='settings',
            name='managed_by',
            field=models.CharField(blank=True, editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name='smtpconnection',
            name='managed_by',
            field=models.CharField(blank=True, editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name='connectionteststep',
            name='certificate_ends_on',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='delivery',
            name='client',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='mailadmin.apiclient'),
        ),
        migrations.CreateModel(
            name='ComposeDraft',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('session', models.CharField(db_index=True, max_length=64)),
                ('made_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('sealed', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='DoneNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('outcome', models.CharField(choices=[('sent', 'sent'), ('failed', 'failed'), ('unsure', 'unsure')], max_length=10)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sending', 'Sending'), ('told', 'Told'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(null=True)),
                ('detail', models.TextField(blank=True)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='mailadmin.apiclient')),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='mailadmin.delivery')),
            ],
            options={
                'ordering': ('-created_at', '-pk'),
            },
        ),
    ]
