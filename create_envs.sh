#!/bin/sh
# Write env/<service>.env for docker-compose.yml, with generated secrets that are equal wherever they must match.
# Existing files are not changed. The secrets are in env/secrets.env, from which a missing file is written again.
# Run it again after an update: it only adds files. Needs a POSIX shell, od, tr and /dev/urandom.
#
# A database keeps the password that it was created with. To change secrets, delete env/ together with the data
# (docker compose down --volumes), or change them by hand in both places.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p env
secrets=env/secrets.env
draft=env/.draft.$$
trap 'rm -f "$draft"' EXIT

say() { printf '%-8s %s\n' "$1" "$2"; }

# Write standard input to $1 unless it exists. A link moves it into place, so no file is ever incomplete or replaced.
write() {
    if [ -e "$1" ]; then cat >/dev/null; say kept "$1"; return; fi
    cat >"$draft"
    ln "$draft" "$1"
    rm -f "$draft"
    say written "$1"
}

# 192 random bits in hexadecimal: safe in URLs, shells and configuration files.
generate() {
    random=$(od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n')
    [ ${#random} -eq 48 ] || { echo "create_envs.sh: no random bytes from /dev/urandom" >&2; exit 1; }
    printf '%s' "$random"
}

if [ ! -e "$secrets" ]; then
    for file in env/*.env; do
        [ -e "$file" ] || continue
        echo "create_envs.sh: $secrets is missing but $file is there: new secrets would not match it." >&2
        echo "Restore $secrets, or remove env/ together with the data (docker compose down --volumes)." >&2
        exit 1
    done
fi
DB_PASSWORD=$(generate)
REDIS_PASSWORD=$(generate)
RABBITMQ_PASSWORD=$(generate)
write "$secrets" <<END
# The secrets of the other files. No service reads this file. Keep it as long as the data.
DB_PASSWORD=$DB_PASSWORD
REDIS_PASSWORD=$REDIS_PASSWORD
RABBITMQ_PASSWORD=$RABBITMQ_PASSWORD
END

DB_PASSWORD='' REDIS_PASSWORD='' RABBITMQ_PASSWORD=''
. "./$secrets"
for name in DB_PASSWORD REDIS_PASSWORD RABBITMQ_PASSWORD; do
    eval "value=\$$name"
    [ -n "$value" ] || { echo "create_envs.sh: $secrets has no $name: add a line $name=…" >&2; exit 1; }
done

database="RATEWIRE_DATABASE_URL=postgresql+asyncpg://ratewire:$DB_PASSWORD@db:5432/ratewire"
cache="RATEWIRE_REDIS_URL=redis://:$REDIS_PASSWORD@redis:6379/0"
queue="RATEWIRE_AMQP_URL=amqp://ratewire:$RABBITMQ_PASSWORD@rabbitmq:5672/"
# Optional settings are commented out; `ratewire show-env` explains all settings.
tuning='#RATEWIRE_LOG_LEVEL=debug'

write env/db.env <<END
POSTGRES_USER=ratewire
POSTGRES_DB=ratewire
POSTGRES_PASSWORD=$DB_PASSWORD
END

write env/redis.env <<END
# redis-cli reads this variable, and the server starts with it as its password.
REDISCLI_AUTH=$REDIS_PASSWORD
END

write env/rabbitmq.env <<END
RABBITMQ_DEFAULT_USER=ratewire
RABBITMQ_DEFAULT_PASS=$RABBITMQ_PASSWORD
END

write env/migrate.env <<END
$database
$tuning
END

write env/gateway.env <<END
$database
$cache
$tuning
END

write env/producer.env <<END
$database
$cache
$queue
$tuning
END

write env/binance_consumer.env <<END
$cache
$queue
$tuning
END

write env/coingeko_consumer.env <<END
$cache
$queue
#RATEWIRE_COINGECKO_API_KEY=
#RATEWIRE_COINGECKO_PLAN=demo
#RATEWIRE_COINGECKO_CALLS_PER_MONTH=10000
$tuning
END

write env/binance_stream.env <<END
$database
$cache
$tuning
END

write env/recorder.env <<END
$database
$cache
#RATEWIRE_HISTORY_KEEP_MINUTES_DAYS=90
$tuning
END

write env/listings.env <<END
$database
$cache
#RATEWIRE_COINGECKO_API_KEY=
#RATEWIRE_COINGECKO_PLAN=demo
#RATEWIRE_COINGECKO_CALLS_PER_MONTH=10000
$tuning
END

write env/coinbase_stream.env <<END
$database
$cache
$tuning
END

write env/kraken_stream.env <<END
$database
$cache
$tuning
END

write env/okx_stream.env <<END
$database
$cache
$tuning
END

write env/bybit_stream.env <<END
$database
$cache
$tuning
END

write env/nginx.env <<END
# Limits for one client address. A larger value allows busy offices behind one address; a smaller one stops floods earlier.
RATEWIRE_NGINX_REQUESTS_PER_SECOND=200
RATEWIRE_NGINX_REQUEST_BURST=400
RATEWIRE_NGINX_CONNECTIONS=1000
# Address or network of a proxy in front of this nginx. Its X-Forwarded-For and X-Forwarded-Proto are trusted.
RATEWIRE_NGINX_TRUSTED_PROXY=127.0.0.1/32
END
