"""Queries through nginx, with the configuration of the distributed form."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from bench.environment import RunningServer, Server
from bench.processes import ROOT, find, listens, running
from bench.queries import make_queries
from bench.results import Row
from bench.scenarios.queries import CONNECTIONS, check
from bench.scenarios.scenario import ScenarioContext
from runtime.free_port import free_port

COUNTS = (1, 50)
# One client sends everything, and is to be measured, not refused.
NO_LIMIT = "1000000"
GATEWAYS = """\
map "" $gateway { default gateways; }
upstream gateways { server 127.0.0.1:%(port)s max_fails=0; keepalive 64; keepalive_timeout 4s; }
map "" $stream_gateway { default gateways; }
"""


def measure_behind_nginx(context: ScenarioContext, server: Server) -> None:
    """Measure answers/s through nginx, which shares the core of the load generator."""
    environment = context.environment
    for count in COUNTS:
        queries = make_queries(environment.symbols, count, environment.dialect(server))
        with environment.serving(server) as gateway, _nginx(context, gateway) as port:
            started = RunningServer(server, port, gateway.process)
            check(started, queries[0], count)
            seen = context.load.query(started, queries, seconds=context.plan.seconds, connections=CONNECTIONS)
        name = f"query, {count} rate{'s' * (count > 1)}, nginx in front"
        context.results.add(Row(name, "answers/s"), server, seen.per_s, seen.shares)
        cost_us = seen.shares.server / seen.per_s * 1e6
        context.results.add(
            Row(f"{name}: processor of the gateway", "µs/answer", more_is_better=False), server, cost_us
        )


@contextmanager
def _nginx(context: ScenarioContext, gateway: RunningServer) -> Iterator[int]:
    """Run nginx in front of a gateway for the duration of the block; yields its port."""
    port, folder = free_port(), context.environment.folder / f"nginx-{os.urandom(4).hex()}"
    _write_configuration(folder, port, gateway.port)
    program = find("nginx", "nginx")
    with running(
        [program, "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"],
        core=context.environment.cores.load,
        log=folder / "nginx.log",
    ) as process:
        process.wait_until(lambda: listens(port))
        yield port


def _write_configuration(folder: Path, port: int, gateway_port: int) -> None:
    """Write what the entrypoint of the image writes, without limits and without an access log."""
    (folder / "conf.d").mkdir(parents=True)
    template = Template((ROOT / "nginx/templates/ratewire.conf.template").read_text(encoding="utf-8"))
    rendered = template.safe_substitute(
        RATEWIRE_NGINX_LISTEN=f"127.0.0.1:{port}",
        RATEWIRE_NGINX_RESOLVER="127.0.0.1",
        RATEWIRE_NGINX_REQUESTS_PER_SECOND=NO_LIMIT,
        RATEWIRE_NGINX_REQUEST_BURST=NO_LIMIT,
        RATEWIRE_NGINX_CONNECTIONS="60000",
        RATEWIRE_NGINX_TRUSTED_PROXY="192.0.2.1/32",
    )
    rendered = rendered.replace("access_log /dev/stdout ratewire if=$worth_logging;", "access_log off;")
    (folder / "conf.d/ratewire.conf").write_text(rendered, encoding="utf-8")
    (folder / "conf.d/gateways.conf").write_text(GATEWAYS % {"port": gateway_port}, encoding="utf-8")
    shutil.copy(ROOT / "nginx/nginx.conf", folder)
