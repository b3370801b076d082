"""An LLM router: one HTTP endpoint in front of many model providers.

`from router import Gateway, GatewayConfig` is the library; `python -m router` the daemon and its tools.
"""

from importlib import import_module

__version__ = "0.1.0"

_LIBRARY = ("Chunk", "Completion", "Gateway", "GatewayConfig", "GatewayError", "ModelInfo", "TargetPrice", "ToolCall", "Usage")


def __getattr__(name: str) -> object:
    # The command line must answer in a moment: the library, and aiohttp with it, is loaded when it is asked for.
    if name in _LIBRARY:
        return getattr(import_module("router.gateway"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
