"""The wiring of the access control from its settings."""

from collections.abc import Collection

from access.authority import KeyAuthority
from access.ports import KeyReader
from access.settings import AccessSettings
from rates.clock import Clock


def build_authority(
    settings: AccessSettings, storage: KeyReader, *, plans: Collection[str], clock: Clock
) -> KeyAuthority:
    """Create the authority over keys, and over tokens if there is an issuer.

    `plans`: the names that there are.
    """
    tokens = None
    if settings.jwt_issuer and settings.jwt_audience and settings.jwks_url:
        # PyJWT and cryptography take 9 MB, in processes of which few have an issuer.
        from access.json_web_tokens import JsonWebTokens, TokenRules  # noqa: PLC0415
        from access.provider_keys import ProviderKeys  # noqa: PLC0415

        rules = TokenRules(
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            plan_claim=settings.jwt_plan_claim,
            scopes_claim=settings.jwt_scopes_claim,
            plan=settings.jwt_plan,
            scopes=settings.jwt_scopes,
            plans=plans,
        )
        tokens = JsonWebTokens(ProviderKeys(settings.jwks_url), rules)
    return KeyAuthority(storage, anonymous=settings.anonymous, tokens=tokens, clock=clock)
