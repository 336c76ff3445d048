#!/bin/sh
# Writes conf.d/gateways.conf, which says where the gateways are. The image's entrypoint runs it before nginx starts.
#
#   RATEWIRE_NGINX_GATEWAY    name:port, all of whose addresses are gateways, followed as replicas come and go;
#                             or several address:port, parted by spaces
#
# New connections, WebSockets above all, go to the gateway with the fewest (least_conn). A free nginx resolves the servers
# of such a block as it goes from 1.27.3 on; an older one is given the name in a variable instead, which it resolves for each
# request: it follows replicas too, but takes one of them at random, over a new connection each time.
set -eu

target=${1:-/etc/nginx/conf.d/gateways.conf}
set -- $RATEWIRE_NGINX_GATEWAY

IFS=. read -r major minor patch <<END
$(nginx -v 2>&1 | sed 's|^[^/]*/||; s|[^0-9.].*||')
END
resolves=no
if [ $((major * 1000000 + minor * 1000 + patch)) -ge 1027003 ]; then
    resolves=yes
fi

if [ $# = 1 ] && [ $resolves = no ]; then
    cat > "$target" <<END
map "" \$gateway { default "$1"; }
END
    exit
fi

# A gateway closes an idle connection after 5 s: nginx must be first, or a request may meet the end of it.
{
    echo 'map "" $gateway { default gateways; }'
    echo 'upstream gateways {'
    echo '    zone gateways 256k;'
    echo '    least_conn;'
    for each in "$@"; do
        if [ $# = 1 ]; then
            echo "    server $each resolve max_fails=1 fail_timeout=2s;"
        else
            echo "    server $each max_fails=1 fail_timeout=2s;"
        fi
    done
    echo '    keepalive 64;'
    echo '    keepalive_timeout 4s;'
    echo '}'
} > "$target"
