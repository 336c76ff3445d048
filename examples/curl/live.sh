#!/bin/sh
# Stream rates as Server-Sent Events. The id of each event is its cursor; pass the last one to resume:  sh live.sh [CURSOR]
url=${RATEWIRE_URL:-http://localhost:8000/graphql}
exec curl -sSN --fail-with-body --get "$url" -H 'accept: text/event-stream' ${1:+-H "last-event-id: $1"} \
  --data-urlencode 'query=subscription { rates(symbols: ["BTC/USDT"], sampleIntervalMs: 250) { kind recovered cursor items { price observedAt } } }'
