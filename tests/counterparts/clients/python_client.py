"""An unmodified client on PyPI's mcp 2.x over Streamable HTTP, or over HTTP+SSE with `--transport sse`.

Runs a script of operations, read as JSON from stdin, and prints one JSON line
for each. `--mode auto` (the package's own default) probes for revision
2026-07-28 and falls back to `initialize`; `--mode legacy` does not probe;
`--mode 2026-07-28` insists. The contract is that of the TypeScript clients
beside it.
"""

import argparse
import asyncio
import json
import os
import sys
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CreateMessageResult,
    ElicitResult,
    Implementation,
    ListRootsResult,
    Root,
    TextContent,
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", default=os.environ.get("MCP_TOKEN"))
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--answer", default="")
    parser.add_argument("--mode", default="auto")
    parser.add_argument("--transport", choices=["http", "sse"], default="http")
    asyncio.run(run_script(parser.parse_args(), json.load(sys.stdin)))


async def run_script(options: argparse.Namespace, script: list[dict[str, Any]]) -> None:
    statuses: list[int] = []
    received: list[dict[str, Any]] = []
    async with http_client(options, statuses) as http:
        client = Client(
            transport_for(options, http, statuses),
            mode=options.mode,
            client_info=Implementation(name="python-client", version="1.0.0"),
            message_handler=recorder(received),
            **callbacks_for(options.answer, received),
        )
        connected = await attempt("connect", lambda: connect(client), statuses)
        if not connected:
            return
        is_open = True
        for step in script:
            is_open = is_open and step["op"] != "close"
            await attempt(step["op"], lambda: perform_in_time(client, step, received), statuses)
        if is_open:
            await client.__aexit__(None, None, None)


async def connect(client: Client) -> dict[str, Any]:
    await client.__aenter__()
    return {
        "serverInfo": plain(client.server_info),
        "protocolVersion": client.protocol_version,
        "capabilities": plain(client.server_capabilities),
        "instructions": client.instructions,
    }


async def perform_in_time(client: Client, step: dict[str, Any], received: list[dict[str, Any]]) -> Any:
    cancel_after = step.get("cancel_after_milliseconds")
    async with asyncio.timeout(None if cancel_after is None else cancel_after / 1000):
        return await perform(client, step, received)


async def perform(client: Client, step: dict[str, Any], received: list[dict[str, Any]]) -> Any:
    timeout = step.get("timeout_milliseconds")
    match step["op"]:
        case "callTool":
            return await client.call_tool(
                step["name"],
                step.get("arguments"),
                read_timeout_seconds=None if timeout is None else timeout / 1000,
                progress_callback=progress_recorder(received) if step.get("progress") else None,
                meta=step.get("_meta"),
            )
        case "listTools":
            return await client.list_tools(cursor=step.get("cursor"))
        case "listResources":
            return await client.list_resources(cursor=step.get("cursor"))
        case "listResourceTemplates":
            return await client.list_resource_templates(cursor=step.get("cursor"))
        case "readResource":
            return await client.read_resource(step["uri"])
        case "subscribeResource":
            return await client.subscribe_resource(step["uri"])
        case "unsubscribeResource":
            return await client.unsubscribe_resource(step["uri"])
        case "listPrompts":
            return await client.list_prompts(cursor=step.get("cursor"))
        case "getPrompt":
            return await client.get_prompt(step["name"], step.get("arguments"))
        case "setLoggingLevel":
            return await client.set_logging_level(step["level"])
        case "ping":
            return await client.send_ping()
        case "sleep":
            return await asyncio.sleep(step["milliseconds"] / 1000)
        case "received":
            taken = list(received)
            received.clear()
            return taken
        case "close":
            return await client.__aexit__(None, None, None)
        case other:
            raise ValueError(f"no such op: {other}")


async def attempt(op: str, action: Any, statuses: list[int]) -> bool:
    """The package reduces an HTTP refusal to a JSON-RPC error of its own, so the
    status comes from the HTTP client that we handed in."""
    statuses.clear()
    try:
        result = plain(await action())
    except Exception as error:
        write({"op": op, "error": describe(error, [s for s in statuses if s >= 400])})
        return False
    write({"op": op, "ok": {} if result is None else result})
    return True


def describe(error: BaseException, refusals: list[int]) -> dict[str, Any]:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    described = {"name": type(error).__name__, "message": str(error)}
    if isinstance(error, MCPError):
        described |= {"code": error.code}
        if error.data is not None:
            described |= {"data": error.data}
    if refusals:
        described |= {"status": refusals[-1]}
    return described


def http_client(options: argparse.Namespace, statuses: list[int]) -> httpx2.AsyncClient:
    async def note_status(response: httpx2.Response) -> None:
        statuses.append(response.status_code)

    headers = dict(line.split(":", 1) for line in options.header)
    headers = {name.strip(): value.strip() for name, value in headers.items()}
    if options.token is not None:
        headers["Authorization"] = f"Bearer {options.token}"
    return httpx2.AsyncClient(
        headers=headers,
        timeout=httpx2.Timeout(30, read=300),
        event_hooks={"response": [note_status]},
    )


def transport_for(options: argparse.Namespace, http: httpx2.AsyncClient, statuses: list[int]) -> Any:
    if options.transport == "http":
        return streamable_http_client(options.url, http_client=http)

    # The package makes its own HTTP client from what it is given.
    def factory(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
        made = http_client(options, statuses)
        made.timeout = timeout
        return made

    return sse_client(options.url, httpx_client_factory=factory)


def callbacks_for(answer: str, received: list[dict[str, Any]]) -> dict[str, Any]:
    """Canned answers to what a server asks of its client, for `--answer`."""

    async def sample(_context: Any, params: Any) -> CreateMessageResult:
        received.append({"method": "sampling/createMessage", "params": plain(params)})
        text = TextContent(type="text", text="a sampled answer")
        return CreateMessageResult(role="assistant", content=text, model="canned", stop_reason="endTurn")

    async def elicit(_context: Any, params: Any) -> ElicitResult:
        received.append({"method": "elicitation/create", "params": plain(params)})
        schema = (plain(params) or {}).get("requestedSchema") or {}
        return ElicitResult(action="accept", content=elicited_content(schema))

    async def roots(_context: Any) -> ListRootsResult:
        received.append({"method": "roots/list"})
        return ListRootsResult(roots=[Root(uri="file:///tmp/root", name="root")])

    known = {
        "sampling": ("sampling_callback", sample),
        "elicitation": ("elicitation_callback", elicit),
        "roots": ("list_roots_callback", roots),
    }
    return dict(known[name] for name in answer.split(",") if name)


def elicited_content(schema: dict[str, Any]) -> dict[str, Any]:
    """An accepted form needs a value for each required member."""
    content: dict[str, Any] = {}
    for name, member in schema.get("properties", {}).items():
        if "default" in member:
            content[name] = member["default"]
        elif "enum" in member:
            content[name] = member["enum"][0]
        elif member.get("type") == "boolean":
            content[name] = True
        elif member.get("type") in ("number", "integer"):
            content[name] = member.get("minimum", 1)
        elif member.get("type") == "string" and "format" not in member:
            content[name] = "alice"
    return content


def recorder(received: list[dict[str, Any]]) -> Any:
    async def record(message: Any) -> None:
        received.append({"error": str(message)} if isinstance(message, Exception) else plain(message))

    return record


def progress_recorder(received: list[dict[str, Any]]) -> Any:
    async def record(progress: float, total: float | None, message: str | None) -> None:
        params = {"progress": progress, "total": total, "message": message}
        received.append({"method": "notifications/progress", "params": params})

    return record


def plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return value


def write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


main()
