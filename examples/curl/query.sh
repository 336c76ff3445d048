#!/bin/sh
# Query a rate that is at most five seconds old, or get an error with its age:  sh query.sh BTC/USDT
url=${RATEWIRE_URL:-http://localhost:8000/graphql}
curl -sS --fail-with-body --get "$url" -H 'accept: application/graphql-response+json' \
  --data-urlencode 'query=query ($symbol: Symbol!) { rate(symbol: $symbol, maxAgeMs: 5000, onStale: ERROR) { price source { code } ageMs } }' \
  --data-urlencode "variables={\"symbol\": \"${1:-BTC/USDT}\"}"
echo
