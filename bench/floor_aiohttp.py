"""What aiohttp alone costs, on both sides: `python floor_aiohttp.py PORT UPSTREAM_PORT`.

aiohttp's low-level server and one tuned ClientSession; the body goes on as it came. No routing, no accounting, no failure
handling: what a gateway made of these parts cannot go below.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web

_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_SSE = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}


async def serve(port: int, upstream: int) -> None:
    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as session:

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            url = f"http://127.0.0.1:{upstream}{request.path}"
            async with session.post(url, data=await request.read(), headers=_HEADERS, allow_redirects=False) as reply:
                if reply.content_type != "text/event-stream":
                    return web.Response(body=await reply.read(), status=reply.status, content_type="application/json")
                out = web.StreamResponse(headers=_SSE)
                await out.prepare(request)
                async for data in reply.content.iter_any():
                    await out.write(data)
                await out.write_eof()
                return out

        runner = web.ServerRunner(web.Server(handle, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
