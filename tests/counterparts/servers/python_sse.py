"""A fixture server on PyPI's mcp 2.x that speaks HTTP+SSE, the transport of revision 2024-11-05.

It has the tools `echo` and `customers`. The contract is that of the launchers
beside it: a JSON line on stdout once it serves, and it ends at SIGTERM, when
its stdin is a pipe and closes, and when the process that started it dies.
"""

import asyncio
import json
import os
import socket
import stat
import sys
import threading
import time

import uvicorn
from mcp.server.mcpserver import MCPServer

PARENT_CHECK_SECONDS = 0.25

server = MCPServer("lychgate-python-sse-fixture")


@server.tool()
def echo(message: str) -> str:
    """Returns its argument."""
    return message


@server.tool()
def customers() -> str:
    """Lists a customer."""
    return "alice <alice@example.com>"


def end_with_parent() -> None:
    parent = os.getppid()

    def watch_parent() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_SECONDS)
        os._exit(0)

    def watch_stdin() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=watch_parent, daemon=True).start()
    # Only a pipe says something by closing: /dev/null is at its end from the start.
    mode = os.fstat(0).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        threading.Thread(target=watch_stdin, daemon=True).start()


def main() -> None:
    end_with_parent()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/sse"
    sys.stdout.write(json.dumps({"ready": True, "url": url}, separators=(",", ":")) + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(server.sse_app(host="127.0.0.1"), log_level="warning")
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


main()
