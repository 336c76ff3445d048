#!/bin/sh
# Write conf.d/gateways.conf with the addresses of the gateways. The entrypoint of the image runs this before nginx starts.
#
#   RATEWIRE_NGINX_GATEWAY    name:port, whose addresses are all gateways; nginx resolves it again while it runs;
#                             or several address:port, separated by spaces
#
# New connections, WebSockets above all, go to the gateway with the fewest connections (least_conn). The open-source nginx can
# resolve the servers of an upstream block at run time since 1.27.3. An older nginx gets the name in a variable and resolves it
# for each request: it also follows replicas, but selects one at random and opens a new connection each time. The single connection
# mode of graphql-sse then works with one gateway only.
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
map "" \$stream_gateway { default "$1"; }
END
    exit
fi

# max_fails=0: nginx would ban a gateway that refused a connection while it restarted, and forget that only when a later request
# has ended. A WebSocket lasts for hours, so the gateway would get one trial connection each fail_timeout. Without a ban, a
# connection refused costs less than a millisecond and an unreachable address proxy_connect_timeout; then the next one is tried.
# A gateway closes an idle connection after 5 s. nginx must close it earlier, or a request could arrive on a closing connection.
servers() {
    for each in "$@"; do
        if [ $# = 1 ]; then
            echo "    server $each resolve max_fails=0;"
        else
            echo "    server $each max_fails=0;"
        fi
    done
    echo '    keepalive 64;'
    echo '    keepalive_timeout 4s;'
    echo '}'
}
{
    echo 'map "" $gateway { default gateways; }'
    echo 'upstream gateways {'
    echo '    zone gateways 256k;'
    echo '    least_conn;'
    servers "$@"
    # The requests of one stream of graphql-sse with one connection: the same gateway, as long as it is there.
    echo 'map "" $stream_gateway { default stream_gateways; }'
    echo 'upstream stream_gateways {'
    echo '    zone stream_gateways 256k;'
    echo '    hash $stream_route consistent;'
    servers "$@"
} > "$target"
