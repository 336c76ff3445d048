"""Settings of keys and tokens."""

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from access.plan import STANDARD
from access.scope import AccessScope

PREFIX = "RATEWIRE_ACCESS_"


class AccessSettings(BaseSettings):
    """Keys, tokens of an identity provider, and requests without either."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    anonymous: bool = Field(
        default=True,
        description="Whether requests without a key are answered, within the plan `anonymous`. false demands a key of every request but those "
        "for pages, /health and /metrics. Set it before others than yourself reach the gateway, unless the API shall be public.",
    )
    revocation_grace_s: float = Field(
        default=60.0,
        ge=1,
        le=86_400,
        description="Seconds for which a gateway that reaches neither Redis nor the database goes on with the keys that it knows. Then it closes "
        "their WebSockets and streams and answers them with 503, until it reaches one. Longer rides out a longer outage; shorter lets a key that "
        "is revoked meanwhile be used for less long.",
    )
    admin_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address on which the admin API listens. Keep it off the internet: it needs a key of the scope admin, and nothing else.",
    )
    admin_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="TCP port of the admin API, at /admin/graphql; 0 for none. Each gateway of one machine needs another one; workers share it.",
    )
    jwt_issuer: str | None = Field(
        default=None,
        description="Issuer (`iss`) of the tokens that count beside keys, e.g. https://login.example/realms/rates. Without it no tokens count.",
    )
    jwt_audience: str | None = Field(
        default=None,
        description="Audience (`aud`) that such a token must name. Required with `jwt_issuer`: tokens for other services must not count here.",
    )
    jwks_url: str | None = Field(
        default=None,
        description="Address of the issuer's public keys (JWKS). Required with `jwt_issuer`. They are read again every five minutes, and when a token "
        "names a key that is new.",
    )
    jwt_plan_claim: str = Field(
        default="plan",
        min_length=1,
        description="Claim of a token that names the plan; nested ones with dots, e.g. `ratewire.plan`.",
    )
    jwt_plan: str = Field(
        default=STANDARD,
        min_length=1,
        description="Plan of tokens without that claim, or with a plan that there is not.",
    )
    jwt_scopes_claim: str = Field(
        default="scope",
        min_length=1,
        description="Claim of a token with its scopes: a list, or a text with spaces, of `ratewire:read`, `ratewire:history` and `ratewire:admin`.",
    )
    jwt_scopes: Annotated[frozenset[AccessScope], NoDecode] = Field(
        default=frozenset({AccessScope.READ}),
        description="Scopes of tokens that name none, separated by commas; empty to refuse such tokens.",
    )

    @field_validator("jwt_scopes", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value
        )

    @model_validator(mode="after")
    def _check_tokens(self) -> "AccessSettings":
        given = (self.jwt_issuer, self.jwt_audience, self.jwks_url)
        if any(given) and not all(given):
            raise ValueError("jwt_issuer, jwt_audience and jwks_url: expected all three, or none")
        return self
