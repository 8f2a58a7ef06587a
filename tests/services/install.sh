#!/bin/sh
# Installs the Debian packages that the service and browser tests start themselves. Run as root.
set -eu

export DEBIAN_FRONTEND=noninteractive

# A test starts its own instance on ports of its own; nothing is to be started on the machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi

# Postfix asks for its kind of set-up while it is installed; the tests do not use that configuration.
echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections

apt-get update -qq
apt-get install -y -qq --no-install-recommends \
    postfix dovecot-core dovecot-imapd dovecot-pop3d sasl2-bin libsasl2-modules \
    postgresql chromium fonts-dejavu-core
