"""The same methods against a running daemon: start it with `make run`, then run python examples/library/client.py"""

import asyncio
import os

from router import Gateway, GatewayConfig, Usage


async def main() -> None:
    config = GatewayConfig(base_url="http://127.0.0.1:4000", api_key=os.environ.get("ROUTER_KEY"), timeout=60)
    async with Gateway(config) as gateway:
        print("may be asked for:", ", ".join(model.name for model in await gateway.list_models()))
        answer = await gateway.complete("fast", "Say hello in one word.")
        print(answer.text, "from", answer.target)
        print("this answer cost", await gateway.calculate_cost(answer), "USD")
        print("a million tokens in would cost", await gateway.calculate_cost("fast", Usage(input_uncached=1_000_000)), "USD")


if __name__ == "__main__":
    asyncio.run(main())
