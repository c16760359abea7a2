"""The training's connection to a Dask cluster: every wait ends, every failure is a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from concurrent.futures import Future as Answer
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from augment.errors import ServerError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["ANSWER_SECONDS", "address_of", "ask", "begin", "check", "connect", "seats"]

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""Time in which the scheduler must answer a question."""

_PORT = 8786  # Dask's own


def connect(scheduler: str, patience: float) -> Client:
    """Connect to a scheduler that has at least one worker.

    Parameters
    ----------
    scheduler : str
        ``dask://host:port``.
    patience : float
        Seconds to wait for the scheduler, and then for its first worker.

    Raises
    ------
    ServerError
        If the address is none, Dask is not installed, or nobody is there.
    """
    address = address_of(scheduler)
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ServerError(
            f"{scheduler}: Dask is not installed ({error}); pip install distributed"
        ) from error
    try:
        client = Client(address, timeout=patience, set_as_default=False)
    except OSError as error:
        raise ServerError(
            f"no Dask scheduler answers at {scheduler} within {patience:.0f} s; start one with: "
            "dask scheduler"
        ) from error
    try:
        client.wait_for_workers(1, timeout=patience)
    except TimeoutError as error:
        client.close(timeout=ANSWER_SECONDS)
        raise ServerError(
            f"the Dask scheduler {scheduler} has had no worker for {patience:.0f} s; start some "
            f"with: dask worker {address}"
        ) from error
    return client


def check(client: Client, scheduler: str) -> None:
    """See that the whole cluster has this package: a worker without it ends at our first task.

    Raises
    ------
    ServerError
        That names who lacks it.
    """
    needed = "augment.remote"
    found = ask(client, lambda: client.run(find_spec, needed, on_error="return"))
    lacking = [
        f"the Dask worker {at}" for at, spec in found.items() if not isinstance(spec, ModuleSpec)
    ]
    try:
        there = ask(client, lambda: client.run_on_scheduler(find_spec, needed))
    except ImportError:
        there = None
    if there is None:
        lacking.append(f"the Dask scheduler {scheduler}")
    if lacking:
        raise ServerError(
            f"{lacking[-1]} cannot import {needed!r}; install lasagnette there, of the same "
            "version as here"
        )


def address_of(scheduler: str) -> str:
    """A scheduler's address as Dask writes it."""
    try:
        parts = urlsplit(scheduler)
        host, port = parts.hostname, parts.port or _PORT
        rest = parts.path.strip("/") or parts.query or parts.fragment
    except ValueError:
        host = rest = None
    if host is None or parts.scheme != "dask" or rest:
        raise ServerError(f"a Dask scheduler is given as dask://host:port; got {scheduler!r}")
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def begin(client: Client, work: Coroutine[Any, Any, T]) -> Answer[T]:
    """Begin a coroutine on the client's own thread, where its methods can be awaited."""
    loop: Any = client.loop
    return asyncio.run_coroutine_threadsafe(work, loop.asyncio_loop)


def ask(client: Client, call: Callable[[], Any]) -> Any:
    """The answer to a call of the client, which by itself would wait for ever.

    Raises
    ------
    ServerError
        If the connection is lost, or no answer comes.
    """

    async def run() -> Any:
        return await call()

    try:
        if client.status != "running":
            raise ConnectionError(client.status)
        return begin(client, run()).result(ANSWER_SECONDS)
    except (OSError, CancelledError) as error:
        raise ServerError(
            f"the Dask scheduler does not answer ({error!r}); the training stops here and can be "
            "resumed"
        ) from error


def seats(before: list[str], found: set[str]) -> list[str]:
    """The workers in an order in which those that stay keep their places."""
    new = sorted(found - set(before))
    kept = [address if address in found else new.pop() if new else None for address in before]
    return [address for address in kept if address is not None] + new
