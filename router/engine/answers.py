"""What is said to a client beside the answer itself: headers, the final comment of a stream, errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from router.engine.client import Client, Headers
from router.engine.exchange import Attempt, Exchange, Outcome
from router.errors import ClientError, Kind, NotAllowed, NotAuthenticated, RouterError, UpstreamError
from router.pricing import format_usd
from router.wire.base import ErrorView

_OUTCOME: Mapping[Kind, Outcome] = {
    "client": "client_error",
    "context": "client_error",
    "policy": "client_error",
    "timeout": "timeout",
    "broken_stream": "stream_error",
}
_CODE: Mapping[Kind, str] = {"context": "context_length_exceeded", "policy": "content_filter", "billing": "upstream_billing"}


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
    if len(x.attempts) > 1 and error.retry_after is None:
        # The OpenAI and Anthropic SDKs obey it: they would repeat what was already repeated here.
        headers.append(("x-should-retry", "false"))
    return headers


def view_of(x: Exchange, error: RouterError) -> ErrorView:
    """The error as the client is told it, cleaned of every secret the file holds: some providers quote the key they were
    sent."""
    type_, code, message = None, error.code, error.message
    if isinstance(error, UpstreamError):
        code = _CODE.get(error.kind, error.code)
        if error.source == "upstream" and error.status == error.answered:
            type_, code = error.upstream_type, error.upstream_code or code
    return ErrorView(error.status, code, clean(message, x.snapshot.secrets), error.param, x.request_id, type_)


def clean(text: str, secrets: frozenset[str]) -> str:
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, "***")
    return text
