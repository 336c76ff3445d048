"""Settings of the gateway, each with what a larger or a smaller value does."""

import re
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from gateway.trusted_documents.document_store import DocumentMode
from rates.source import Source
from runtime.settings import GATEWAY_PREFIX, FreshnessSettings, parse_json

PREFIX = GATEWAY_PREFIX
# Apps that show pages have schemes of their own: `capacitor://localhost`.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+\Z")
LOOPBACK = "loopback"


class GatewaySettings(FreshnessSettings):
    """The settings of listening, freshness and the limits of one client."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. 0.0.0.0 lets other machines in; 127.0.0.1 only this one.",
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65_535,
        description="TCP port to listen on; 0 lets the system choose a free one.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Processes that share the port, as `ratewire gateway --workers`. One for each core that the gateway may have "
        "carries that much more; each has a mirror of its own: memory, and what is read from Redis, grow alike.",
    )
    worker_silence_s: float = Field(
        default=30.0,
        ge=3,
        le=3600,
        description="Seconds without a sign of life after which one of several workers is killed and replaced. Shorter ends a "
        "hanging one sooner; too short ends one that is only busy.",
    )
    source_preference: Annotated[list[Source], NoDecode] = Field(
        default=list(Source),
        description="Sources in the order in which they answer a question that names none, as a JSON list. Sources left out "
        "come last.",
    )
    max_source_distance_percent: Annotated[Decimal, Field(gt=0, le=1000)] = Field(
        default=Decimal(20),
        description="Percent of the lower price by which fresh prices of one symbol may differ between sources before they are suspected of "
        "being different assets and kept out of lists and merged answers. Consensus, conversion and fallbacks leave such prices out at "
        "once. Smaller finds a clash of coins of like price; larger leaves real differences of thin markets alone.",
    )
    suspect_after_s: float = Field(
        default=30.0,
        ge=0,
        le=86_400,
        description="Seconds that prices must stay that far apart before they are suspected. Longer ignores flash crashes; merged answers "
        "leave such prices out at once, whatever this is.",
    )
    catalog_refresh_s: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="Seconds between two looks at the tracked instruments in the database. Fewer shows an added instrument "
        "sooner and asks the database more often.",
    )
    unready_after_s: float = Field(
        default=30.0,
        ge=0,
        le=86_400,
        description="Seconds without Redis after which the gateway leaves: /health/ready and all requests get 503, its WebSockets and streams "
        "end, until Redis is back. Before that it answers from memory with the true age. Longer rides out a restart or failover of Redis; "
        "shorter moves clients to another gateway sooner. Where there is no other, a longer one keeps the old values.",
    )
    max_symbols: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="Symbols one `rates` may name. More serves bigger watch lists and lets one request cost more.",
    )
    max_tokens: int = Field(
        default=1_500,
        ge=100,
        le=100_000,
        description="Tokens in one GraphQL document, and fields in it when its fragments are unfolded. More lets longer documents "
        "in; parsing and validation take up to 25 microseconds for each, while all else waits.",
    )
    max_depth: int = Field(
        default=20,
        ge=3,
        le=100,
        description="Depth of nested selections, fragments followed. The schema itself needs 5, the introspection query of "
        "GraphiQL and code generators about 15; less locks those out.",
    )
    max_aliases: int = Field(
        default=50,
        ge=0,
        le=10_000,
        description="Aliased fields in one document, fragments followed. More lets one request ask the same costly field "
        "more often.",
    )
    max_pairs: int = Field(
        default=4_000,
        ge=0,
        le=10_000_000,
        description="Pairs of fields in one document that name the same place in the answer, fragments followed; 89 times the "
        "same field has 3916. Each pair is compared before anything is executed, at some 7 µs, while all else waits.",
    )
    max_cost: int = Field(
        default=30_000,
        ge=1_000,
        le=10_000_000,
        description="Points that one operation may cost. A point is about a microsecond of the processor, for which everybody else waits; "
        "the cost is an upper bound, computed before anything is executed. More lets in larger answers, e.g. all fields of more than 800 rates.",
    )
    max_body_bytes: int = Field(
        default=100_000,
        ge=1_000,
        le=100_000_000,
        description="Bytes of one HTTP request body or one WebSocket message. Larger ones are refused before they are read "
        "to the end.",
    )
    max_subscriptions: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="Operations running at once on one WebSocket connection. More lets one client hold more memory.",
    )
    max_sockets_per_address: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="WebSockets and streams over HTTP that the clients of one address (of one /64 network of IPv6) may hold open. Further ones get "
        "429. The default suits an office of 250 people with four pages each behind one address; behind a proxy set `trusted_proxies`.",
    )
    max_sockets: int = Field(
        default=20_000,
        ge=1,
        le=1_000_000,
        description="WebSockets and streams over HTTP of one process. Further ones get 503, and nginx sends them to another gateway. "
        "Each takes a file descriptor and some 30 KB.",
    )
    max_subscriptions_per_address: int = Field(
        default=5_000,
        ge=1,
        le=10_000_000,
        description="Subscriptions that the clients of one address may run, on all their sockets. Further ones get an error, or 429 over HTTP. "
        "The default suits an office of 250 people with four pages of five subscriptions each.",
    )
    max_subscriptions_in_all: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Subscriptions of one process. Further ones get an error, or 503 over HTTP. More lets in more clients; those with the "
        "same query share its work, those with different ones do not.",
    )
    max_live_queries: int = Field(
        default=10_000,
        ge=1,
        le=10_000_000,
        description="Different subscriptions of one process: other fields, arguments or options. Further ones get an error; those that run "
        "already may be subscribed to by any number. Each takes some 10 KB and is encoded on its own.",
    )
    max_live_rates: int = Field(
        default=100_000,
        ge=1,
        le=100_000_000,
        description="Rates in all different subscriptions of one process together: the named symbols, or all that are tracked. Each update of a "
        "rate costs about a microsecond for each of them. The default lets in 250 different subscriptions of everything, or 5000 of 20 symbols.",
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default=[],
        description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, as a JSON list, e.g. "
        '["10.0.0.0/8"]; ["*"] believes everybody, which is safe only where nobody but the proxy reaches the gateway. Of other clients, the '
        "address of the connection counts for the limits of one address.",
    )
    history_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Seconds for which an answer waits for the database of the history, its turn included; then it gets HISTORY_UNAVAILABLE; "
        "a subscription tries again until it begins. Longer suits a slow database and long windows; shorter tells sooner that it is away.",
    )
    document_cache_size: int = Field(
        default=512,
        ge=1,
        le=100_000,
        description="Parsed and validated documents that are kept, from the second time on and in 16 MiB at most. More spares clients with many "
        "different documents about 1 ms a request, at some 30 KB of memory each.",
    )
    trusted_documents: DocumentMode = Field(
        default=DocumentMode.AUTO,
        description="How requests may name documents by `documentId` or by the hash of Apollo's and urql's clients. auto: clients may register "
        "documents under their hashes. prefer: only documents of `trusted_documents_folder` have names; others are executed and logged once. "
        "only: nothing else is executed, and a request with a document is refused unread. off: no names.",
    )
    trusted_documents_folder: Path | None = Field(
        default=None,
        description="Folder with manifests of documents (*.json of Apollo, Relay or graphql-codegen), whose changes are read every two seconds.",
    )
    trust_page_documents: bool = Field(
        default=True,
        description="Whether the documents of the gateway's own pages and of /embed.js have names like those of a manifest. false is for those who "
        "serve none of them: with `trusted_documents` = only, they cannot work then.",
    )
    suggestions: bool = Field(
        default=True,
        description='Whether errors suggest fields, arguments, types and enum values with similar names ("Did you mean"). false leaves them out, '
        "for those who keep the schema to themselves. Documents of more than 2000 characters never get any.",
    )
    introspection: bool = Field(
        default=True,
        description="Whether `__schema` and `__type` are answered, and `_service` of a subgraph. false refuses them with INTROSPECTION_DISABLED, for "
        "those who keep the schema to themselves; GraphiQL and code generators then need the file schema.graphql.",
    )
    federation: bool = Field(
        default=False,
        description="Whether the schema is that of a subgraph of Apollo Federation 2: with `_service`, `_entities` and the directives of "
        "federation in its SDL. true is for a gateway behind a router; other clients see two fields more.",
    )
    fast_path: bool = Field(
        default=True,
        description="Whether answers are assembled from rates that are encoded once, for all who ask the same of them. false has "
        "every answer executed by the GraphQL library alone: the same bytes at a multiple of the cost, for comparison.",
    )
    init_timeout_s: float = Field(
        default=5.0,
        gt=0,
        le=300,
        description="Seconds a new WebSocket has for its `connection_init`. Longer suits slow links; shorter frees idle "
        "sockets sooner.",
    )
    ws_ping_interval_s: float = Field(
        default=20.0,
        ge=0,
        le=3600,
        description="Seconds for which a WebSocket may be silent before it gets a sign of life (`ping` of graphql-transport-ws; `ka` of "
        "graphql-ws comes at this interval whatever else is said); 0 sends none. Fewer keep connections alive through proxies with "
        "short idle limits; more cost less. An answer is not demanded: whether a client lives is told by WebSocket's own pings.",
    )
    ws_frames_per_s: float = Field(
        default=200.0,
        ge=1,
        le=1_000_000,
        description="Frames that a client may send on one WebSocket each second, on average over ten seconds: messages, parts of messages and "
        "pings. Beyond it the connection is closed with 1008. Each takes some 20 microseconds, a message some 100 and the time of its operation; "
        "the default lets a client begin 2000 subscriptions at once.",
    )
    ws_compression: bool = Field(
        default=False,
        description="Whether WebSocket clients that offer permessage-deflate are sent compressed messages. True sends a list of ten "
        "rates in a quarter of its bytes and one of a hundred in a fifth, and needs the time of compressing each message once, some 8 and "
        "80 microseconds, however many are told it; connections need no more memory.",
    )
    stall_timeout_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Seconds for which a reader may read nothing before its WebSocket is closed with 4503, or its connection "
        "over HTTP is cut. Longer forgives longer pauses; each stalled connection holds some 200 KB, and one event for each of its "
        "subscriptions, all the while.",
    )
    read_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Seconds a client has to send the head of a request, and as many for its body. Longer suits slow links; shorter frees idle "
        "connections sooner.",
    )
    stream_heartbeat_s: float = Field(
        default=5.0,
        gt=0,
        le=300,
        description="Seconds without an event after which an event stream or multipart answer carries a sign of life. Must be "
        "less than what proxies on the way allow between two bytes (nginx: 60, ours: 15); fewer costs each idle stream more.",
    )
    join_wait_s: float = Field(
        default=3.0,
        gt=0,
        le=60,
        description="Seconds for which a new subscription waits for its turn when more come at once than the core carries; then its "
        "WebSocket is closed with 1013, or its request answered with 503. Longer refuses fewer after a mass reconnection; shorter sends them "
        "to another gateway sooner.",
    )
    max_waiting_joins: int = Field(
        default=5_000,
        ge=1,
        le=1_000_000,
        description="New subscriptions that may wait for their turn; further ones are refused at once. More than the core starts in "
        "`join_wait_s` would be refused all the same; each holds some 3 KB.",
    )
    drain_s: float = Field(
        default=8.0,
        ge=0,
        le=3600,
        description="Seconds over which a stopping gateway ends its WebSockets and streams one after the other, so that their clients "
        "reconnect to other gateways. Longer spares those; 0 ends all at once. The sum with `drain_notice_s` and `shutdown_timeout_s` must be "
        "less than what the supervisor of the process allows (`stop_grace_period` in compose: 20).",
    )
    drain_notice_s: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="Seconds for which a stopping gateway still accepts connections while /health/ready says 503. Longer than the interval of "
        "a balancer's health checks lets it notice first; nginx tries another gateway at a refused connection and needs none.",
    )
    shutdown_timeout_s: float = Field(
        default=5.0,
        gt=0,
        le=300,
        description="Seconds that requests in flight have when the process is asked to stop. Longer lets slow answers "
        "finish; a stop takes at most that much longer.",
    )
    allowed_origins: Annotated[list[str], NoDecode] = Field(
        default=[],
        description='Origins of other web pages that may call the API from a browser, as a JSON list, e.g. ["https://dash.example"]; '
        '["loopback"] lets in pages of localhost at any port, ["*"] every page. Pages served from here and clients that are no browser need none. '
        'The system in one process (`make run`) has ["loopback"] unless it is set.',
    )

    embed_origins: Annotated[list[str], NoDecode] = Field(
        default=[],
        description="Origins of other web pages that may show rates of this gateway, as a JSON list like that of `allowed_origins`: they may have "
        "the wallboard in a frame and use the elements of /embed.js, and with that call the API over HTTP, not by WebSocket. The system in one "
        'process (`make run`) has ["loopback"] unless it is set.',
    )

    @field_validator(
        "source_preference", "allowed_origins", "embed_origins", "trusted_proxies", mode="before"
    )
    @classmethod
    def _read_json(cls, value: Any) -> Any:
        return parse_json(value)

    @field_validator("trusted_documents_folder", mode="before")
    @classmethod
    def _none_if_empty(cls, value: Any) -> Any:
        return value or None

    @field_validator("trusted_documents_folder")
    @classmethod
    def _check_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("expected a folder")
        return value

    @field_validator("source_preference")
    @classmethod
    def _fill_preference(cls, value: list[Source]) -> list[Source]:
        return list(dict.fromkeys([*value, *Source]))

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: list[str]) -> list[str]:
        for proxy in value:
            try:
                _ = proxy == "*" or ip_network(proxy)
            except ValueError as exc:
                raise ValueError(f"{proxy!r}: expected an address, a network, or *") from exc
        return value

    @field_validator("allowed_origins", "embed_origins")
    @classmethod
    def _check_origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            if origin not in {"*", LOOPBACK} and not _ORIGIN.match(origin):
                raise ValueError(
                    f"{origin!r}: expected scheme://host[:port] without a path, {LOOPBACK}, or *"
                )
        return value

    @property
    def max_source_distance(self) -> Decimal:
        """The distance as a share of the lower price."""
        return self.max_source_distance_percent / 100
