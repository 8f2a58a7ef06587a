{% autoescape off %}# Least privilege for the integrated service "{{ heading }}": the app may use these mailboxes and no others.
#
# NOT RUN by those who wrote it: neither PowerShell nor a tenant was at hand. Cmdlets and parameters follow
# Microsoft's documentation (learn.microsoft.com: "Role Based Access Control for Applications in Exchange Online",
# "Limiting application permissions to specific Exchange Online mailboxes"). Read it first, then run it part by part;
# each part can be run again.
#
# Needs the modules Microsoft.Graph.Applications and ExchangeOnlineManagement, and these roles: Cloud Application
# Administrator (parts 1 and 2), Exchange Administrator (3 to 5), Privileged Role Administrator (end of 3).
# If the two modules disturb each other, run the parts for Graph and those for Exchange in two windows.
#Requires -Version 7.0
#Requires -Modules Microsoft.Graph.Applications, ExchangeOnlineManagement

$ErrorActionPreference = 'Stop'

# 0. Values from the console ------------------------------------------------------------------------------------
$AppName = {{ name }}
$Label = {{ label }}       # names what this script makes
$TenantId = {{ tenant }}
$ClientId = {{ client_id }}
$Mailboxes = {{ mailboxes }}
$Grants = @({% for role, mailboxes in grants %}
    @{ Role = {{ role }}; Mailboxes = {{ mailboxes }} }{% endfor %}
)
$Permissions = {{ permissions }}
$SendAs = @({% for mailbox, address in send_as %}
    @{ Mailbox = {{ mailbox }}; Address = {{ address }} }{% endfor %}
)
# $true: limit the app by an application access policy (part 5), the older way, in place of part 3.
$UseAccessPolicy = $false
{% if custom %}
# The console has custom hosts for this service: name the right environments here.{% endif %}
$GraphEnvironment = {{ graph_environment }}
$ExchangeEnvironment = {{ exchange_environment }}

# 1. App registration and enterprise application -----------------------------------------------------------------
$Connection = @{
    Environment = $GraphEnvironment
    Scopes = @('Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All')
    NoWelcome = $true
}
if ($TenantId) { $Connection.TenantId = $TenantId }
Connect-MgGraph @Connection
{% if kind == "managed-identity" %}
# A managed identity has no app registration, only an enterprise application.
if (-not $ClientId) {
    $ClientId = Read-Host 'Application ID of the managed identity (Entra, Enterprise applications, Managed identities)'
}
$Principal = Get-MgServicePrincipal -Filter ('appId eq ''{0}''' -f $ClientId.Replace('''', ''''''))
if (-not $Principal) { throw 'This tenant has no enterprise application with that application ID.' }
{% else %}
$Filter = 'appId eq ''{0}''' -f $ClientId.Replace('''', '''''')
$App = Get-MgApplication -Filter $Filter
$Principal = Get-MgServicePrincipal -Filter $Filter
if (-not $App -and -not $Principal) {
    if ((Read-Host 'This tenant does not know the client ID. Register a new app? (yes/no)') -ne 'yes') { return }
    $App = New-MgApplication -DisplayName $AppName -SignInAudience 'AzureADMyOrg'
    $ClientId = $App.AppId
    Write-Host 'Type this into Client ID in the console:' $ClientId
}
if (-not $Principal) { $Principal = New-MgServicePrincipal -AppId $ClientId }

# 2. Credential -------------------------------------------------------------------------------------------------
if (-not $App) {
    Write-Warning 'The app is registered in another tenant; its credential is made there.'
}{% if kind == "secret" %}
elseif ((Read-Host 'Make a new client secret? (yes/no)') -eq 'yes') {
    $Password = @{ displayName = $Label; endDateTime = (Get-Date).ToUniversalTime().AddDays(180) }
    $Secret = Add-MgApplicationPassword -ApplicationId $App.Id -PasswordCredential $Password
    Write-Host 'Client secret (shown only now; type it into the console):' $Secret.SecretText
    Write-Host 'Client secret ends on:' $Secret.EndDateTime.ToString('yyyy-MM-dd')
}{% elif kind == "certificate" and certificate %}
else {
    $Bytes = [Convert]::FromBase64String({{ certificate }})
    $Known = (Get-MgApplication -ApplicationId $App.Id).KeyCredentials
    if ($Known) {
        # The list can only be set as a whole, and the keys of the others cannot be read: add this one by hand.
        $File = Join-Path $PWD ($Label + '.cer')
        [IO.File]::WriteAllBytes($File, $Bytes)
        Write-Warning 'The app has certificates already. In Entra, under Certificates & secrets, upload the file:'
        Write-Host $File
    } else {
        $Key = @{ type = 'AsymmetricX509Cert'; usage = 'Verify'; key = $Bytes; displayName = $Label }
        Update-MgApplication -ApplicationId $App.Id -KeyCredentials @($Key)
    }
}{% elif kind == "federated" %}
elseif ((Read-Host 'Make a federated credential? (yes/no)') -eq 'yes') {
    $Federated = @{
        ApplicationId = $App.Id
        Name = $Label
        Issuer = Read-Host 'Issuer (iss in the assertion)'
        Subject = Read-Host 'Subject (sub in the assertion)'
        Audiences = @({{ audience }})
    }
    New-MgApplicationFederatedIdentityCredential @Federated
}{% endif %}
{% endif %}
# 3. Exactly these mailboxes: RBAC for Applications ----------------------------------------------------------------
Connect-ExchangeOnline -ExchangeEnvironmentName $ExchangeEnvironment -ShowBanner:$false

if (-not $UseAccessPolicy) {
    # Exchange wants the object ID of the enterprise application, not that of the app registration.
    if (-not (Get-ServicePrincipal | Where-Object AppId -eq $ClientId)) {
        New-ServicePrincipal -AppId $ClientId -ObjectId $Principal.Id -DisplayName $AppName
    }
    $Names = @()
    foreach ($Grant in $Grants) {
        $Name = $Label + ' ' + $Grant.Role.Replace('Application ', '')
        $Names += $Name
        $Conditions = foreach ($Mailbox in $Grant.Mailboxes) {
            $Address = [string](Get-Mailbox -Identity $Mailbox).PrimarySmtpAddress
            'PrimarySmtpAddress -eq ''{0}''' -f $Address.Replace('''', '''''')
        }
        $Filter = $Conditions -join ' -or '
        if (Get-ManagementScope | Where-Object Name -eq $Name) {
            Set-ManagementScope -Identity $Name -RecipientRestrictionFilter $Filter
        } else {
            New-ManagementScope -Name $Name -RecipientRestrictionFilter $Filter
        }
        if (-not (Get-ManagementRoleAssignment | Where-Object Name -eq $Name)) {
            New-ManagementRoleAssignment -Name $Name -App $Principal.Id -Role $Grant.Role -CustomResourceScope $Name
        }
    }
    # What an earlier run gave and no service needs any more.
    Get-ManagementRoleAssignment |
        Where-Object { $_.Name.StartsWith($Label + ' ') -and $_.Name -notin $Names } |
        ForEach-Object { Remove-ManagementRoleAssignment -Identity $_.Name -Confirm }

    # InScope must be True for each mailbox that sends, and False for any other. The test looks at these grants only;
    # real requests may need up to two hours to see a change.
    foreach ($Mailbox in $Mailboxes) {
        Test-ServicePrincipalAuthorization -Identity $Principal.Id -Resource $Mailbox | Format-Table
    }
    $Other = Read-Host 'A mailbox that must NOT be in scope (empty to leave it out)'
    if ($Other) { Test-ServicePrincipalAuthorization -Identity $Principal.Id -Resource $Other | Format-Table }

    # Grants add up: what Entra gives for the whole tenant still opens every mailbox. Remove it once the test is good.
    $Wide = $Permissions + @('Mail.Send', 'Mail.ReadWrite', 'Mail.Read')
    $Resources = @('00000003-0000-0000-c000-000000000000', '00000002-0000-0ff1-ce00-000000000000')
    foreach ($Resource in $Resources) {
        $Service = Get-MgServicePrincipal -Filter ('appId eq ''{0}''' -f $Resource)
        $Roles = $Service.AppRoles | Where-Object Value -in $Wide
        Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $Principal.Id -All |
            Where-Object { $_.ResourceId -eq $Service.Id -and $_.AppRoleId -in $Roles.Id } |
            ForEach-Object {
                $Assignment = @{ ServicePrincipalId = $Principal.Id; AppRoleAssignmentId = $_.Id }
                Remove-MgServicePrincipalAppRoleAssignment @Assignment -Confirm
            }
    }
}

# 4. Send As: other addresses in From ----------------------------------------------------------------------------
foreach ($Pair in $SendAs) {
    Add-RecipientPermission -Identity $Pair.Address -Trustee $Pair.Mailbox -AccessRights SendAs -Confirm:$false
}

# 5. The older way in place of part 3: application access policy ------------------------------------------------------
# Here the consent in Entra stays, and the policy limits it to the members of a mail-enabled security group. It holds
# for Graph, not for SMTP; a change may take more than an hour.
if ($UseAccessPolicy) {
    $Group = Get-DistributionGroup | Where-Object Name -eq $Label
    if (-not $Group) { $Group = New-DistributionGroup -Name $Label -Type Security }
    $Members = (Get-DistributionGroupMember -Identity $Label -ResultSize Unlimited).PrimarySmtpAddress
    foreach ($Mailbox in $Mailboxes) {
        $Address = [string](Get-Mailbox -Identity $Mailbox).PrimarySmtpAddress
        if ($Address -notin $Members) { Add-DistributionGroupMember -Identity $Label -Member $Address }
    }
    if (-not (Get-ApplicationAccessPolicy | Where-Object AppId -eq $ClientId)) {
        $Policy = @{
            AppId = $ClientId
            PolicyScopeGroupId = $Group.PrimarySmtpAddress
            AccessRight = 'RestrictAccess'
            Description = $AppName
        }
        New-ApplicationAccessPolicy @Policy
    }
    foreach ($Mailbox in $Mailboxes) {
        Test-ApplicationAccessPolicy -AppId $ClientId -Identity $Mailbox
    }
}

Disconnect-ExchangeOnline -Confirm:$false
Disconnect-MgGraph | Out-Null
{% endautoescape %}
