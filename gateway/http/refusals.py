"""Refused requests over HTTP: status, headers and error.

Link: https://www.rfc-editor.org/rfc/rfc6750#section-3
"""

from gateway.client_connections import RETRY_AFTER_S
from gateway.client_limits import ClientLimitReached
from gateway.http.request_body import HttpError
from gateway.schema.errors import describe_error
from rates.errors import AccessDenied, AccessUnavailable, DenialReason, Forbidden

CHALLENGE = "www-authenticate"
_REALM = 'Bearer realm="ratewire"'


def as_denial(error: AccessDenied | AccessUnavailable) -> HttpError:
    """Return the response to a request whose key does not count, or not for this."""
    extensions = describe_error(error)["extensions"]
    if isinstance(error, AccessUnavailable):
        return HttpError(503, str(error), {"retry-after": str(RETRY_AFTER_S)}, extensions=extensions)
    if isinstance(error, Forbidden):
        headers = {}
        if error.reason is DenialReason.SCOPE:
            headers[CHALLENGE] = f'{_REALM}, error="insufficient_scope", scope="{error.scope}"'
        return HttpError(403, str(error), headers, extensions=extensions)
    # A request without a key is told of no error [RFC 6750, 3.1].
    fault = "" if error.reason is DenialReason.MISSING else ', error="invalid_token"'
    return HttpError(401, str(error), {CHALLENGE: _REALM + fault}, extensions=extensions)


def limit_error(error: ClientLimitReached) -> HttpError:
    """Return the answer at a limit: nginx passes on a 429, and tries others after a 503."""
    status = 429 if error.is_of_address else 503
    return HttpError(status, str(error), {"retry-after": str(RETRY_AFTER_S)}, extensions=error.extensions)


def stopping_error() -> HttpError:
    """Return the answer of a gateway that is about to end."""
    return HttpError(503, "the gateway is stopping: try again", {"retry-after": str(RETRY_AFTER_S)})
