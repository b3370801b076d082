"""Every error a request can end with: whom it blames, its HTTP status and its stable code.

RouterError
├── ClientError                  the client must change something            source: client
│   ├── BadRequest               the request cannot be understood            400
│   ├── NotAuthenticated         no client key, or one that fits no key      401
│   ├── NotAllowed               the key may not do this                     403
│   ├── NotFound                 no such path                                404
│   ├── UnknownModel             no model has that name                      404
│   ├── WrongMethod              the path is there, the method is not        405
│   └── BodyTooLarge             beyond `server.max_body`                    413
├── Overloaded                   `server.max_inflight` is reached            503   source: router
├── Draining                     the daemon is about to end                  503   source: router
├── NoTarget                     every target was skipped                    503   source: router
├── InternalError                a bug of ours                               500   source: router
└── UpstreamError                a provider answered badly, or not at all          source: upstream
    ├── UpstreamRejected         it refused the request with a 4xx           its own status
    ├── UpstreamThrottled        it asks us to wait                          429
    ├── UpstreamCredentials      it refused our key, or our bill             502
    ├── UpstreamUnavailable      5xx, connection refused, reset, unreadable  502, or its own 5xx
    └── UpstreamTimeout          it did not answer in time                   504
"""

from __future__ import annotations

from typing import Literal

Source = Literal["client", "router", "upstream", "store"]

Clock = Literal["connect", "first_token", "idle", "answer", "total", "deadline"]
Kind = Literal["connect", "timeout", "server", "rate", "billing", "auth", "context", "policy", "client", "empty", "broken_stream"]
"""The rows of the outcome table: what the outcome of an attempt means."""


class RouterError(Exception):
    """What a client can be told.

    `status` is the HTTP status, `code` the stable machine-readable word, `source` who is to blame, `param` the field of
    the request that is wrong, `retry_after` the seconds after which another try makes sense.
    """

    status: int = 500
    code: str = "internal_error"
    source: Source = "router"

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after


class ClientError(RouterError):
    status = 400
    code = "invalid_request"
    source: Source = "client"


class BadRequest(ClientError):
    pass


class NotAuthenticated(ClientError):
    status = 401
    code = "invalid_api_key"


class NotAllowed(ClientError):
    status = 403
    code = "model_not_allowed"


class NotFound(ClientError):
    status = 404
    code = "not_found"


class UnknownModel(ClientError):
    status = 404
    code = "model_not_found"


class WrongMethod(ClientError):
    status = 405
    code = "method_not_allowed"


class BodyTooLarge(ClientError):
    status = 413
    code = "request_too_large"


class Overloaded(RouterError):
    status = 503
    code = "router_overloaded"


class Draining(RouterError):
    status = 503
    code = "router_draining"


class NoTarget(RouterError):
    status = 503
    code = "no_target_available"


class InternalError(RouterError):
    pass


class UpstreamError(RouterError):
    """One failed attempt. `kind` is its row of the outcome table; `answered` the upstream's own HTTP status, if one came;
    `fault` its own words, where the client speaks the same format."""

    status = 502
    code = "upstream_error"
    source: Source = "upstream"
    kind: Kind = "server"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        kind: Kind | None = None,
        answered: int | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status or type(self).status
        self.kind = kind or type(self).kind
        self.answered = answered
        self.upstream_type: str | None = None
        self.upstream_code: str | None = None
        self.window: int | None = None
        """Tokens: the window that an error of kind `context` names."""


class UpstreamRejected(UpstreamError):
    status = 400
    code = "upstream_rejected"
    kind: Kind = "client"


class UpstreamThrottled(UpstreamError):
    status = 429
    code = "upstream_rate_limited"
    kind: Kind = "rate"


class UpstreamCredentials(UpstreamError):
    status = 502
    code = "upstream_credentials"
    kind: Kind = "auth"


class UpstreamUnavailable(UpstreamError):
    """Refused, reset, 5xx or unreadable. `reused` is true when the connection had been idle in the pool and broke before
    any byte of an answer: the provider has most likely not seen the request."""

    status = 502
    code = "upstream_unavailable"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        kind: Kind | None = None,
        answered: int | None = None,
        reused: bool = False,
    ) -> None:
        super().__init__(message, status=status, retry_after=retry_after, kind=kind, answered=answered)
        self.reused = reused


class UpstreamTimeout(UpstreamError):
    """`clock` names which of the clocks ran out."""

    status = 504
    code = "upstream_timeout"
    kind: Kind = "timeout"

    def __init__(self, message: str, *, clock: Clock) -> None:
        super().__init__(message)
        self.clock: Clock = clock
