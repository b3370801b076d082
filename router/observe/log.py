"""The log: one line per exchange, written at settle, and events of the program that someone must act on or debug.

`log.requests` alone decides about the lines of exchanges, `log.level` about events. Formats are in `observe.lines`, writing
is in `observe.sink`.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any, Literal

from router.engine.exchange import Exchange
from router.observe.lines import Clockface, Fields, json_line, request_fields, request_line, text_line
from router.observe.sink import Sink
from router.snapshot import LogSettings

Level = Literal["debug", "info", "warning", "error"]

_RANK: dict[Level, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_MASK = "[secret]"
_SHORTEST_SECRET = 6  # Masking shorter ones would garble ordinary words, and they keep nothing secret.


class Log:
    """`event` for what the program has to say, `settled` for exchanges. May be called from any thread; never blocks."""

    def __init__(self, sink: Sink, settings: LogSettings, *, wall: Callable[[], float], colour: bool = False) -> None:
        """`wall` gives seconds since 1970. `colour` belongs to a terminal that wants it, and to the text format only."""
        self._sink = sink
        self._wall = wall
        self._colour = colour
        self._secrets: tuple[str, ...] = ()
        self._settings = settings
        self._face = Clockface()

    def apply(self, settings: LogSettings, secrets: frozenset[str]) -> None:
        """From the next line on. Secrets of earlier generations stay masked: requests of theirs may still be open."""
        self._settings = settings
        known = secrets.union(self._secrets)
        self._secrets = tuple(sorted((secret for secret in known if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True))

    def settled(self, exchange: Exchange) -> None:
        """The line of one exchange. Its time is that of the end."""
        wanted = self._settings.requests
        if wanted == "none" or (wanted == "errors" and exchange.outcome == "ok"):
            return
        at = self._face.show(exchange.wall + exchange.duration)
        if self._settings.format == "json":
            self._sink.put(request_line(exchange, at))
        else:
            self._put(request_fields(exchange, at))

    def event(self, level: Level, name: str, **fields: Any) -> None:
        """`name` is a constant such as `config_refused`; fields, not sentences.

        Fields that are None are left out. Loaded secrets are masked wherever they occur in a text.
        """
        if _RANK[level] < _RANK[self._settings.level]:
            return
        line: Fields = {"time": self._face.show(self._wall()), "level": level, "msg": self._masked(name)}
        line.update((key, self._masked(value)) for key, value in fields.items() if value is not None and key not in line)
        self._put(line)

    def _put(self, fields: Fields) -> None:
        if self._settings.format == "json":
            self._sink.put(json_line(fields))
        else:
            self._sink.put(text_line(fields, colour=self._colour))

    def _masked(self, value: Any) -> Any:
        match value:
            case str():
                for secret in self._secrets:
                    value = value.replace(secret, _MASK)
                return value
            case dict():
                return {key: self._masked(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self._masked(inner) for inner in value]
            case None | bool() | int() | float():
                return value
            case _:
                return self._masked(str(value))


class Records(logging.Handler):
    """Takes what our own modules and libraries say through `logging` into the log: `Records(log).install()`."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def install(self) -> None:
        """Becomes the root logger's only handler. Debug records of libraries are not made at all: they are about bytes."""
        root = logging.getLogger()
        root.handlers[:] = [self]
        root.setLevel(logging.INFO)
        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # It tells every event; whether one matters is told by us.

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = next((level for level in reversed(_RANK) if record.levelno >= _RANK[level]), "debug")
        extra = {name: value for name, value in vars(record).items() if name not in _ORDINARY}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            extra["error"] = f"{type(error).__name__}: {error}"
            extra["traceback"] = "".join(traceback.format_tb(error.__traceback__))
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # Arguments that do not fit their text: a library's bug, and no reason to raise in it.
            message = str(record.msg)
        self._log.event(level, message, logger=record.name, **extra)


_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "level", "logger", "name"}
"""What every record has: not worth a field, or shown under a name of our own."""
