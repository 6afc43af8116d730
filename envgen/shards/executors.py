"""Executors of `concurrent.futures` that run on other machines. The only module that imports distributed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from envgen.channels.limits import limits
from envgen.model.errors import BadInput, NoSolution


@contextmanager
def opened(text: str) -> Iterator[Executor]:
    """The executor that `dask=ADDRESS` names. Raises BadInput for another text, NoSolution where nobody answers."""
    kind, _, address = text.partition("=")
    if kind != "dask" or not address:
        raise BadInput(f"not an executor: {text}", hint="give dask=ADDRESS, for example dask=tcp://scheduler:8786")
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise BadInput("--executor dask needs distributed", hint="pip install 'conda-envgen[dask]'") from None
    try:
        client = Client(address, timeout=limits().timeout)
    except (OSError, ValueError) as error:
        raise NoSolution(f"no dask scheduler at {address}: {error}", hint="start one with `dask scheduler`") from None
    with client:
        yield client.get_executor()
