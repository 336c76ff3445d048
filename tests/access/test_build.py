"""The wiring of the access control loads what the settings need."""

import importlib
import sys

import pytest

from access import build
from access.settings import AccessSettings
from rates.clock import utc_now
from tests.access.key_fakes import MemoryKeys


def test_without_an_issuer_no_library_of_tokens_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes 9 MB of memory."""
    monkeypatch.setitem(sys.modules, "access.json_web_tokens", None)
    wiring = importlib.reload(build)
    authority = wiring.build_authority(AccessSettings(), MemoryKeys(), plans=(), clock=utc_now)
    assert authority.anonymous is not None
    issuer = AccessSettings(
        jwt_issuer="https://id.example", jwt_audience="rates", jwks_url="https://id.example/keys"
    )
    with pytest.raises(ImportError):
        wiring.build_authority(issuer, MemoryKeys(), plans=(), clock=utc_now)
