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
    tinyproxy dante-server libnss-wrapper \
    openssl libdb5.3 libgnutls-dane0 libidn12 libidn2-0 libnsl2 libpcre2-8-0 \
    postgresql mariadb-server rabbitmq-server redis-server chromium fonts-dejavu-core

# Exim conflicts with Postfix, so its package (and not what it conflicts by) is unpacked into a folder of its own;
# the libraries that it needs are installed above.
exim=${MAILADMIN_EXIM:-/opt/mailadmin-exim}
if [ ! -x "$exim/usr/sbin/exim4" ]; then
    download=$(mktemp -d)
    (cd "$download" && apt-get download -qq exim4-daemon-light)
    mkdir -p "$exim"
    dpkg-deb -x "$download"/exim4-daemon-light_*.deb "$exim"
    rm -rf "$download"
fi
