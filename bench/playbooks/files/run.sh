#!/bin/sh
# Starts the shop with its configuration.
set -eu
conf=${1:-/etc/shop/app.conf}
[ -r "$conf" ] || {
    echo "cannot read $conf" >&2
    exit 1
}
exec /usr/local/bin/shop --config "$conf"
