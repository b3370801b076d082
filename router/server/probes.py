"""Alive? Ready? Answered from memory: never depends on providers, stores or the configuration file."""

from __future__ import annotations

import orjson

from router.runtime import Runtime


class Probes:
    """`draining`: going to end, still serving. `closing`: listeners are shut, new requests on open connections are refused."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.draining = False
        self.closing = False

    def live(self) -> tuple[int, bytes]:
        return 200, b'{"status":"ok"}'

    def ready(self, *, verbose: bool = False) -> tuple[int, bytes]:
        body: dict[str, object] = {"status": "draining" if self.draining else "ok"}
        if verbose:
            snapshot, refused = self._runtime.snapshot, self._runtime.refused
            body |= {"generation": snapshot.generation, "hash": snapshot.hash, "refused": refused and refused.digest[:12]}
        return 503 if self.draining else 200, orjson.dumps(body)
