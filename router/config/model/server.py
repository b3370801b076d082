"""`server` and `log`: the process itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router.config.model.base import Strict, none_or, unset, written
from router.config.model.kinds import Duration, Listen, ListenOrNone, Path, Period, Size, Token, choice, whole


class TlsServerConfig(Strict):
    """HTTPS on the data port. The files are read again when they change."""

    cert: Path = Field(examples=["/etc/router/tls.crt"])
    """PEM file with the certificate and its chain."""
    key: Path = Field(examples=["/etc/router/tls.key"])
    """PEM file with the private key."""


class DrainConfig(Strict):
    """What happens on SIGTERM."""

    delay: Duration = written("5s")
    """Between readyz turning 503 and the listeners closing."""
    timeout: Duration = written("120s")
    """How long open requests may take to finish."""


class ReloadConfig(Strict):
    """How a change of the file is noticed."""

    watch: Annotated[Literal["auto", "poll", "none"], choice("auto", "poll", "none")] = written("auto")
    """auto: the system's notices, with a look at the content now and then; poll: only the latter; none: on demand."""
    settle: Period = written("3s")
    """How long a file that does not parse, or is empty, may take to become whole before it is reported."""


class ServerConfig(Strict):
    """The process: where it listens, whom it lets in, how much it takes."""

    listen: Listen = written("127.0.0.1:4000", reload="drain")
    """The data port."""
    admin: ListenOrNone = written("127.0.0.1:8081", reload="drain")
    """The admin port: HOST:PORT, unix:/PATH, or none. Never on the data port."""
    admin_token: Token = unset(examples=["${env:ROUTER_ADMIN_TOKEN:-}"])
    """Asked for on the admin port; required when that is neither loopback nor a socket."""
    auth: Annotated[Literal["keys", "none"] | None, choice("keys", "none")] = unset(examples=["keys"])
    """Whether clients need a key. Left out: keys where `keys` has any, else none on loopback, an error elsewhere."""
    tls: Annotated[TlsServerConfig | None, none_or("a map with cert and key")] = unset(
        reload="drain", examples=[{"cert": "/etc/router/tls.crt", "key": "/etc/router/tls.key"}]
    )
    """HTTPS on the data port; none: plain HTTP."""
    max_body: Size = written("64MiB")
    """The largest request body."""
    max_inflight: Annotated[int, whole("requests", 1, 1_000_000, 2000)] = written(2000)
    """Open requests; beyond: 503 with Retry-After."""
    drain: DrainConfig = Field(default_factory=DrainConfig)
    """What happens on SIGTERM."""
    reload: ReloadConfig = Field(default_factory=ReloadConfig)
    """How a change of the file is noticed."""


class LogConfig(Strict):
    """What is written to standard error. Never prompts, never keys."""

    level: Annotated[Literal["debug", "info", "warning", "error"], choice("debug", "info", "warning", "error")] = written("info")
    """The least severe event that is written."""
    format: Annotated[Literal["json", "text"], choice("json", "text")] = written("json")
    """One JSON object a line, or text for people."""
    requests: Annotated[Literal["all", "errors", "none"], choice("all", "errors", "none")] = written("all")
    """Which requests get a line."""
