"""`pacing:` smooths the calls to a provider. It delays and never refuses: admission is not its business."""

from __future__ import annotations

from aiolimiter import AsyncLimiter

from router.snapshot import Pacing


class Pacers:
    """One leaky bucket per provider. A changed setting starts a new bucket; an unchanged one survives every reload."""

    def __init__(self) -> None:
        self._limiters: dict[str, tuple[Pacing, AsyncLimiter]] = {}

    async def wait(self, provider: str, pacing: Pacing) -> None:
        """Returns when the next call may go out."""
        known = self._limiters.get(provider)
        if known is None or known[0] != pacing:
            limiter = AsyncLimiter(pacing.burst, pacing.burst * pacing.window / pacing.count)
            known = self._limiters[provider] = (pacing, limiter)
        await known[1].acquire()
