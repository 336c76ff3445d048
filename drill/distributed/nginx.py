"""Debian's nginx with the project's own configuration, in front of gateways on free ports."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template

from drill.distributed.server_process import ServerProcess, answers, find_binary, running, temporary_folder
from runtime.free_port import free_port

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def start_nginx(gateway_ports: Sequence[int], *, clients: int = 1_000) -> Iterator[ServerProcess]:
    """An nginx of one's own for so many connections at once; `.url` is where clients go."""
    port = free_port()
    values = {
        "RATEWIRE_NGINX_LISTEN": f"127.0.0.1:{port}",
        "RATEWIRE_NGINX_RESOLVER": "127.0.0.1",
        "RATEWIRE_NGINX_REQUESTS_PER_SECOND": str(clients // 2),
        "RATEWIRE_NGINX_REQUEST_BURST": str(clients),
        "RATEWIRE_NGINX_CONNECTIONS": str(clients),
        "RATEWIRE_NGINX_TRUSTED_PROXY": "192.0.2.1/32",
    }
    template = Template((ROOT / "nginx/templates/ratewire.conf.template").read_text())
    gateways = " ".join(f"127.0.0.1:{each}" for each in gateway_ports)
    with temporary_folder() as folder:
        (folder / "conf.d").mkdir()
        (folder / "conf.d/ratewire.conf").write_text(template.safe_substitute(values))
        subprocess.run(
            [ROOT / "nginx/entrypoint/30-gateways.sh", folder / "conf.d/gateways.conf"],
            env={"PATH": "/usr/sbin:/usr/bin:/bin", "RATEWIRE_NGINX_GATEWAY": gateways},
            check=True,
            timeout=10,
        )
        shutil.copy(ROOT / "nginx/nginx.conf", folder)
        command = [
            find_binary("nginx", "/usr/sbin"),
            "-e",
            "stderr",
            "-p",
            str(folder),
            "-c",
            f"{folder}/nginx.conf",
        ]
        ready = answers(port, b"GET /health/live HTTP/1.0\r\n\r\n", b"HTTP/1.1")
        with running(
            ServerProcess(
                f"http://127.0.0.1:{port}", [*command, "-g", "daemon off;"], folder=folder, is_ready=ready
            )
        ) as server:
            yield server
