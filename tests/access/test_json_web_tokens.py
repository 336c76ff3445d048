"""Tokens of an identity provider, and the rotation of its keys."""

import asyncio
import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from access.json_web_tokens import LEEWAY, JsonWebTokens, TokenRules
from access.principal import Principal
from access.provider_keys import MIN_REFRESH_S, REFRESH_S, ProviderKeys
from access.scope import AccessScope
from rates.errors import AccessUnavailable, DenialReason, Unauthenticated
from tests.gateway.fakes import NOON
from tests.virtual_time import run_virtually

ISSUER, AUDIENCE = "https://login.example", "rates"
READ_ONLY = frozenset({AccessScope.READ})
RULES = TokenRules(
    ISSUER, AUDIENCE, "ratewire.plan", "scope", "standard", READ_ONLY, ("standard", "unlimited")
)
FIRST, SECOND = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


class Provider:
    """An identity provider: the keys that it publishes, and tokens of them."""

    def __init__(self) -> None:
        self.published = {"first": FIRST}
        self.is_away = False
        self.requests = 0
        self.messages: list[str] = []
        self.keys = ProviderKeys("https://login.example/jwks", transport=httpx.MockTransport(self._answer))
        self.tokens = JsonWebTokens(self.keys, RULES)

    def _answer(self, _request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.is_away:
            raise httpx.ConnectError("away")
        keys = [
            {
                **json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())),
                "kid": name,
                "use": "sig",
                "alg": "ES256",
            }
            for name, key in self.published.items()
        ]
        return httpx.Response(200, json={"keys": keys})

    async def verify(self, token: str, now: datetime = NOON) -> Principal:
        return await self.tokens.verify(token, now)

    async def reason(self, token: str, now: datetime = NOON) -> DenialReason | None:
        try:
            await self.verify(token, now)
        except Unauthenticated as exc:
            self.messages.append(str(exc))
            return exc.reason
        return None


def sign(key: Any = FIRST, key_id: str = "first", algorithm: str = "ES256", **claims: Any) -> str:
    given = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "somebody",
        "exp": (NOON + timedelta(minutes=5)).timestamp(),
        **claims,
    }
    payload = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": key_id})


def forge(secret: bytes) -> str:
    """Return a token that is signed with the text of a public key."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT","kid":"first"}').rstrip(b"=")
    body = sign().split(".")[1].encode()
    signature = hmac.digest(secret, head + b"." + body, "sha256")
    return b".".join([head, body, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def virtually(main: Callable[[Provider], Any]) -> None:
    run_virtually(main(Provider()))


def test_a_token_has_the_plan_and_the_scopes_of_its_claims() -> None:
    """Those of the settings where it names none, or none that there is."""

    async def main(provider: Provider) -> None:
        token = sign(ratewire={"plan": "unlimited"}, scope="openid ratewire:history ratewire:nothing")
        principal = await provider.verify(token)
        assert (principal.key_id, principal.plan) == ("token:somebody", "unlimited")
        assert principal.scopes == {AccessScope.HISTORY}
        assert principal.expires_at == NOON + timedelta(minutes=5) + LEEWAY
        assert not principal.is_revocable
        assert provider.tokens.find(token, NOON) is principal
        plain = await provider.verify(sign(ratewire={"plan": "gold"}, scope="admin"))
        assert (plain.plan, plain.scopes) == ("standard", READ_ONLY)

    virtually(main)


def test_tokens_that_do_not_count_are_refused() -> None:
    """Of others, for others, unsigned, signed with what is public, without an end."""

    async def main(provider: Provider) -> None:
        public = FIRST.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        head, body, signature = sign().split(".")
        for token in (
            sign(iss="https://other.example"),
            sign(aud="other"),
            sign(aud=None),
            sign(exp=None),
            sign(sub=None),
            sign(sub=""),
            sign(exp="soon"),
            sign(nbf=(NOON + timedelta(minutes=1)).timestamp()),
            sign(SECOND),
            sign(rsa_key, algorithm="RS256"),
            sign(key_id="other"),
            forge(public),
            f"{head}.{body[:-4]}AAAA.{signature}",
            jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": 9e9}, "", algorithm="none"),
        ):
            assert await provider.reason(token) is DenialReason.INVALID_TOKEN, token
        assert not any(sign()[-20:] in message for message in provider.messages)
        assert await provider.reason("a.b.c") is DenialReason.MALFORMED
        assert await provider.reason(sign(), NOON + timedelta(minutes=6)) is DenialReason.EXPIRED

    virtually(main)


def test_a_verified_token_is_forgotten_when_it_expires() -> None:
    """Then it is refused with the reason."""

    async def main(provider: Provider) -> None:
        token = sign()
        await provider.verify(token)
        end = NOON + timedelta(minutes=5) + LEEWAY
        assert provider.tokens.find(token, end - timedelta(seconds=1))
        assert provider.tokens.find(token, end) is None
        assert await provider.reason(token, end) is DenialReason.EXPIRED

    virtually(main)


def test_a_new_key_of_the_provider_is_found_and_made_up_ones_do_not_flood_it() -> None:
    """Its old tokens count until it takes the key back."""

    async def main(provider: Provider) -> None:
        assert await provider.reason(sign()) is None
        await asyncio.sleep(MIN_REFRESH_S)
        provider.published["second"] = SECOND
        assert await provider.reason(sign(SECOND, "second")) is None
        assert await provider.reason(sign()) is None
        requests = provider.requests
        for number in range(100):
            assert await provider.reason(sign(key_id=f"made up {number}")) is DenialReason.INVALID_TOKEN
        assert provider.requests == requests
        del provider.published["first"]
        await asyncio.sleep(REFRESH_S + 1)
        await provider.verify(sign(SECOND, "second"))
        await asyncio.sleep(1)
        assert await provider.reason(sign(sub="another")) is DenialReason.INVALID_TOKEN

    virtually(main)


def test_a_provider_that_is_away_ends_nothing() -> None:
    """Known keys go on; a gateway that never read any cannot tell."""

    async def main(provider: Provider) -> None:
        provider.is_away = True
        with pytest.raises(AccessUnavailable):
            await provider.verify(sign())
        assert provider.keys.error is not None
        provider.is_away = False
        await asyncio.sleep(MIN_REFRESH_S)
        await provider.verify(sign())
        provider.is_away = True
        await asyncio.sleep(10 * REFRESH_S)
        await provider.verify(sign(sub="another"))
        await asyncio.sleep(1)
        await provider.verify(sign(sub="a third"))

    virtually(main)


def test_times_are_utc() -> None:
    """The principal's end is aware."""

    async def main(provider: Provider) -> None:
        principal = await provider.verify(sign())
        assert principal.expires_at is not None
        assert principal.expires_at.tzinfo is UTC

    virtually(main)
