"""The documents of the dashboard, the wallboard and the elements for other pages.

The build of the pages writes them into a manifest beside the pages.
"""

from collections.abc import Mapping
from pathlib import Path

import structlog

from gateway.trusted_documents.manifest import InvalidManifest, parse_manifest

MANIFEST = "trusted-documents.json"

log = structlog.get_logger("ratewire.gateway.documents")


def read_page_documents(folder: Path) -> Mapping[str, str]:
    """Return the documents of the pages in a folder by identifier.

    There are none without a manifest, as without pages.
    """
    try:
        return parse_manifest((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, InvalidManifest) as exc:
        log.warning("manifest not read", file=MANIFEST, error=str(exc))
        return {}
