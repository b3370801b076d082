"""The router as a library: `Gateway` in process, or as the client of a running daemon. The same methods in both."""

from __future__ import annotations

from router.gateway.answers import Chunk, Completion, GatewayError, ModelInfo, TargetPrice, ToolCall
from router.gateway.facade import Gateway, GatewayConfig
from router.types import Usage

__all__ = ["Chunk", "Completion", "Gateway", "GatewayConfig", "GatewayError", "ModelInfo", "TargetPrice", "ToolCall", "Usage"]
