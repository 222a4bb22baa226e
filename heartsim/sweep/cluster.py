"""The same jobs on a Dask cluster, by the address of its scheduler."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from heartsim.errors import InputError
from heartsim.pool import Trouble

if TYPE_CHECKING:
    from heartsim.sweep.row import Job

Answer = TypeVar("Answer")


def on_cluster(
    call: Callable[["Job"], Answer], jobs: Sequence["Job"], *, address: str, retries: int = 1
) -> Iterator[tuple["Job", Answer | Trouble]]:
    """Answers of a function, as they come, from the workers of a Dask scheduler.

    A job whose worker is lost goes to another one. With an address ``tls://…`` certificates come
    from the configuration of Dask (``distributed.comm.tls``).

    Raises
    ------
    InputError
        If Dask is not installed, or no scheduler answers.
    """
    if not jobs:
        return
    try:
        from distributed import (  # pyright: ignore[reportMissingImports]
            Client,
            as_completed,
        )
    except ImportError:
        raise InputError(
            "--scheduler needs Dask, which is not installed. "
            "Install it here and on the workers: pip install 'heartsim[cluster]'."
        ) from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler {address}: no Dask scheduler answers ({error}). "
            "Start one with `dask scheduler` and give the address that it prints."
        ) from None
    with client:
        futures = {
            client.submit(call, job, key=f"heartsim-{job.name}", retries=retries): job
            for job in jobs
        }
        for future in as_completed(futures):
            error = future.exception()
            told = Trouble(f"{type(error).__name__}: {error}") if error else future.result()
            yield futures[future], told
