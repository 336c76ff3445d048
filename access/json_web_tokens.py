"""JSON Web Tokens of one identity provider.

Only algorithms with a public key count, so that nobody can sign with what the provider publishes. A token that was verified is kept until
it expires: the signature is checked once.
Links: https://www.rfc-editor.org/rfc/rfc7519, https://www.rfc-editor.org/rfc/rfc8725
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import jwt

from access.key_text import fingerprint, hash_key
from access.principal import Principal
from access.provider_keys import ProviderKeys
from access.scope import AccessScope
from rates.errors import DenialReason, Unauthenticated

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SCOPE_PREFIX = "ratewire:"
LEEWAY = timedelta(seconds=30)
MAX_TOKENS = 10_000
_REQUIRED = ["exp", "iss", "aud", "sub"]
_MAX_SUBJECT = 200


class TokenRules(NamedTuple):
    """The claims that a token must have, and their meaning; see `AccessSettings`."""

    issuer: str
    audience: str
    plan_claim: str
    scopes_claim: str
    plan: str
    scopes: frozenset[AccessScope]
    plans: Collection[str]


class JsonWebTokens:
    """Verifies tokens by the keys of their provider."""

    def __init__(self, keys: ProviderKeys, rules: TokenRules) -> None:
        self._keys, self._rules = keys, rules
        self._verified: OrderedDict[str, Principal] = OrderedDict()

    def find(self, token: str, now: datetime) -> Principal | None:
        """Return the principal of a token that was verified before and has not expired."""
        credential = fingerprint(hash_key(token))
        principal = self._verified.get(credential)
        if principal is None or principal.expires_at is None:
            return None
        if principal.expires_at <= now:
            del self._verified[credential]
            return None
        return principal

    async def verify(self, token: str, now: datetime) -> Principal:
        """Return the principal of a token.

        Raises:
            Unauthenticated: it does not count.
            AccessUnavailable: the keys of the provider cannot be had at present.
        """
        key = await self._keys.find(_read_key_id(token))
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                options={
                    "require": _REQUIRED,
                    # Checked below by our clock.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as exc:
            raise _refused(exc) from exc
        principal = self._read(claims, token, now)
        self._verified[principal.credential or ""] = principal
        if len(self._verified) > MAX_TOKENS:
            self._verified.popitem(last=False)
        return principal

    def _read(self, claims: Mapping[str, Any], token: str, now: datetime) -> Principal:
        subject, expires_at = claims["sub"], _read_time(claims, "exp")
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or expires_at is None:
            raise Unauthenticated(DenialReason.INVALID_TOKEN, "`sub` or `exp` is not as expected")
        if expires_at + LEEWAY <= now:
            raise Unauthenticated(DenialReason.EXPIRED)
        begins_at = _read_time(claims, "nbf")
        if begins_at is not None and now + LEEWAY < begins_at:
            raise Unauthenticated(DenialReason.INVALID_TOKEN, "it does not count yet (`nbf`)")
        rules = self._rules
        plan = _find_claim(claims, rules.plan_claim)
        return Principal(
            # Keys and tokens share budgets by this id: no key has such a one.
            key_id=f"token:{subject}",
            name=subject,
            plan=plan if isinstance(plan, str) and plan in rules.plans else rules.plan,
            scopes=_read_scopes(_find_claim(claims, rules.scopes_claim)) or rules.scopes,
            expires_at=expires_at + LEEWAY,
            credential=fingerprint(hash_key(token)),
        )


def _read_key_id(token: str) -> str | None:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as exc:
        raise Unauthenticated(DenialReason.MALFORMED) from exc
    if header.get("alg") not in ALGORITHMS:
        raise Unauthenticated(DenialReason.INVALID_TOKEN, "expected it to be signed with a public key")
    key_id = header.get("kid")
    return key_id if isinstance(key_id, str) else None


def _refused(error: jwt.InvalidTokenError) -> Unauthenticated:
    match error:
        case jwt.InvalidAudienceError():
            detail = "it is for another audience"
        case jwt.InvalidIssuerError():
            detail = "it is of another issuer"
        case jwt.MissingRequiredClaimError():
            detail = f"it lacks {error.claim}"
        case jwt.InvalidSignatureError():
            detail = "its signature does not match"
        case _:
            detail = type(error).__name__
    return Unauthenticated(DenialReason.INVALID_TOKEN, detail)


def _read_time(claims: Mapping[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError) as exc:
        raise Unauthenticated(DenialReason.INVALID_TOKEN, f"`{name}` is not a time") from exc


def _find_claim(claims: Mapping[str, Any], path: str) -> Any:
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _read_scopes(value: Any) -> frozenset[AccessScope]:
    names = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    known = {f"{SCOPE_PREFIX}{scope}": scope for scope in AccessScope}
    return frozenset(known[name] for name in names if isinstance(name, str) and name in known)
