"""The router inside your own process: the same file, fallbacks, retries and costs as the daemon, and no port.

Run it with: python examples/library/embedded.py
"""

import asyncio

from router import Gateway, GatewayError


async def main() -> None:
    async with Gateway.from_config("router.yaml") as gateway:
        answer = await gateway.complete("fast", "Say hello in one word.", max_tokens=20)
        print(answer.text)
        print(f"{answer.target} answered; {answer.usage.output if answer.usage else '?'} tokens out, {answer.cost} USD")

        async for chunk in gateway.stream("smart", [{"role": "user", "content": "Count to five."}]):
            print(chunk.text, end="", flush=True)
            if chunk.cost is not None:
                print(f"\nthe stream cost {chunk.cost} USD")

        for price in await gateway.get_cost("fast"):
            if price is not None:
                print(f"{price.target}: {price.input} USD in, {price.output} USD out per million tokens ({price.source})")

        try:
            await gateway.complete("no-such-model", "Hello?")
        except GatewayError as error:
            print(f"{error.status} {error.code}: {error.message}")


if __name__ == "__main__":
    asyncio.run(main())
