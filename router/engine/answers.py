"""What is said to a client beside the answer itself: headers, the final comment of a stream, errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from router.engine.client import Client, Headers
from router.engine.exchange import Attempt, Exchange, Outcome
from router.errors import ClientError, Kind, NotAllowed, NotAuthenticated, RouterError, UpstreamCredentials, UpstreamError
from router.pricing import format_usd
from router.wire.base import ErrorView
from router.wire.fault import MAX_MESSAGE

_OUTCOME: Mapping[Kind, Outcome] = {
    "client": "client_error",
    "context": "client_error",
    "policy": "client_error",
    "timeout": "timeout",
    "broken_stream": "stream_error",
}
_CODE: Mapping[Kind, str] = {
    "context": "context_length_exceeded",
    "policy": "content_filter",
    "billing": "upstream_billing",
    "timeout": "upstream_timeout",
}
_OURS: Mapping[Kind, str] = {
    "auth": "the provider refused the router's own credentials, not yours: ",
    "billing": "the router's own account at the provider has no credit or quota left: ",
}
"""Providers speak to whoever holds the key ("get yours at …"); the client must not look for the mistake in its own."""
_REFUSED: frozenset[Kind] = frozenset({"client", "context", "policy"})
_PATIENCE = 60.0
"""Seconds an SDK should wait and try again by itself. Beyond, OpenAI's older ones (1.x, 2.x) ignore Retry-After and come back in
a second; today's wait 120 s at most; Anthropic's sleep as long as they are told, in the middle of somebody's request."""
_PIECE = 8  # Characters of a secret that are not told even where the rest of it was cut off.


def answer_headers(x: Exchange, trying: Attempt | None = None) -> Headers:
    """Headers of an answer. `trying`: the attempt whose answer begins now."""
    attempts = x.attempts if trying is None else [*x.attempts, trying]
    headers = [("x-request-id", x.request_id), ("x-router-generation", str(x.snapshot.generation))]
    if x.target is not None:
        headers.append(("x-router-served", x.target))
    if attempts:
        headers.append(("x-router-attempts", ",".join(map(str, attempts))))
    if x.cost is not None:
        headers.append(("x-router-cost-usd", format_usd(x.cost)))
    if x.dropped:
        headers.append(("x-router-dropped", ", ".join(x.dropped)))
    if x.defaulted:
        headers.append(("x-router-defaulted", ", ".join(x.defaulted)))
    return headers


def comment_of(x: Exchange, *, held: bool) -> str:
    """The last comment of a stream: its cost, and, where the headers left before a target was found (`held`), what they
    would have said."""
    said = [("x-router-cost-usd", format_usd(x.cost))] if x.cost is not None else []
    if held:
        said = [header for header in answer_headers(x) if header[0].startswith("x-router-")]
    return "; ".join(f"{name}: {value}" for name, value in said)


def refuse(x: Exchange, client: Client, error: RouterError) -> None:
    """Ends the exchange with an error, in the client's own format, and notes it."""
    x.outcome = outcome_of(error)
    x.status = error.status
    x.error_code = error.code
    x.error_source = error.source
    view = view_of(x, error)
    if client.started:
        client.end(x.client.error_event(view), close=True)
    else:
        client.whole(error.status, error_headers(x, error), x.client.render_error(view))


def outcome_of(error: RouterError) -> Outcome:
    if isinstance(error, UpstreamError):
        return _OUTCOME.get(error.kind, "upstream_error")
    if isinstance(error, NotAllowed | NotAuthenticated):
        return "denied"
    return "client_error" if isinstance(error, ClientError) else "router_error"


def error_headers(x: Exchange, error: RouterError) -> Headers:
    headers = answer_headers(x)
    headers.append(("x-router-error-source", error.source))
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(1, ceil(error.retry_after)))))
    if not _worth_repeating(x, error):
        headers.append(("x-should-retry", "false"))
    return headers


def _worth_repeating(x: Exchange, error: RouterError) -> bool:
    """Whether an SDK may do by itself what it does after a 429 or a 5xx: OpenAI's and Anthropic's obey `x-should-retry`. They
    may where it is known when to come back, and soon; not where it was repeated here already, or cannot help."""
    if error.retry_after is not None:
        return error.retry_after <= _PATIENCE
    return len(x.attempts) < 2 and not isinstance(error, UpstreamCredentials)


def view_of(x: Exchange, error: RouterError) -> ErrorView:
    """The error as the client is told it, cleaned of every secret the file holds: some providers quote the key they were
    sent."""
    secrets = x.snapshot.secrets
    type_, code, message = None, error.code, clean(error.message, secrets)
    if isinstance(error, UpstreamError):
        code = _CODE.get(error.kind, error.code)
        message = _OURS.get(error.kind, "") + message
        if len(x.attempts) > 1 and error.kind not in _REFUSED:
            message += f" (tried {_tried(x)})"
        if error.source == "upstream" and error.status == error.answered:
            type_, code = error.upstream_type, error.upstream_code or code
    type_ = type_ and clean(type_, secrets)
    return ErrorView(error.status, clean(code, secrets), message, error.param, x.request_id, type_)


def _tried(x: Exchange) -> str:
    """`a/m: 503, 503; b/m: timeout`. A refusal of the request itself goes back as it was said instead, without this."""
    said: dict[str, list[str]] = {}
    for attempt in x.attempts:
        said.setdefault(attempt.target, []).append(str(attempt).removeprefix(f"{attempt.target}:"))
    return "; ".join(f"{target}: {', '.join(each)}" for target, each in said.items())


def clean(text: str, secrets: frozenset[str]) -> str:
    """`text` without any of the `secrets`, or the beginning of one where the text was cut."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, "***")
        if len(text) >= MAX_MESSAGE and (at := text.rfind(secret[:_PIECE])) >= 0 and secret.startswith(text[at:]):
            text = text[:at] + "***"
    return text
