"""The same jobs on a Dask cluster, by the address of its scheduler."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from heartsim.errors import InputError
from heartsim.pool import Trouble

Answer = TypeVar("Answer")


class Named(Protocol):
    """Work with a name of its own."""

    @property
    def name(self) -> str:
        """Key of the work on the cluster."""
        ...


Work = TypeVar("Work", bound=Named)


def on_cluster(
    call: Callable[[Work], Answer], jobs: Sequence[Work], *, address: str, retries: int = 1
) -> Iterator[tuple[Work, Answer | Trouble]]:
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
