"""The ranks of a program, their device, their memory and their trace, opened once.

Knows: fabric, device, budget. Does not know: algorithms.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from gpumpi.device import Device, open_device
from gpumpi.errors import GpumpiError, UserError
from gpumpi.fabric import Fabric, collective
from gpumpi.memory.budget import Budget, fair_share_bytes
from gpumpi.trace import Trace
from gpumpi.units import parse_bytes
from gpumpi.version import __version__

if TYPE_CHECKING:
    from gpumpi.array.array import PartitionedArray
    from gpumpi.array.table import Table


class World:
    """All ranks of this program together; a context manager.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}, optional
        Who computes; ``GPUMPI_DEVICE`` if not given, else ``"auto"``.
    host_memory : int or str, optional
        Bytes that this rank may hold, such as ``"8GiB"``; ``GPUMPI_HOST_MEMORY`` if not given, else 0.8 of what the
        node has available, in equal parts for its ranks.
    comm : mpi4py communicator, optional
        The ranks that take part; all if not given. It is duplicated, never freed.
    trace : Trace, optional
        Where time and bytes are written down.

    Attributes
    ----------
    fabric, device, budget, trace
        Who talks, who computes, what may be held, what was spent.

    Raises
    ------
    UserError
        If there is no such device, a size cannot be read, or ranks run different versions.

    Notes
    -----
    *Collective*: every rank opens and closes its world together with the others.
    """

    def __init__(
        self,
        *,
        device: str | None = None,
        host_memory: int | str | None = None,
        comm: Any = None,
        trace: Trace | None = None,
    ) -> None:
        self.trace = trace if trace is not None else Trace()
        self.fabric = Fabric(comm, trace=self.trace)
        try:
            with self.fabric.agreed():
                self.device: Device = open_device(device or os.environ.get("GPUMPI_DEVICE") or "auto")
                asked = host_memory or os.environ.get("GPUMPI_HOST_MEMORY")
                limit_bytes = parse_bytes(asked) if asked else fair_share_bytes(self.fabric.topology.local_size)
                self.budget = Budget(limit_bytes)
            self._require_same_version()
        except GpumpiError:  # which all ranks have
            self.fabric.close()
            raise

    @property
    def rank(self) -> int:
        """This rank's number."""
        return self.fabric.rank

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return self.fabric.size

    def _require_same_version(self) -> None:
        versions = self.fabric.collect(__version__)
        if len(set(versions)) > 1:
            odd = next(rank for rank, version in enumerate(versions) if version != versions[0])
            raise UserError(
                f"rank 0 runs gpumpi {versions[0]} and rank {odd} runs {versions[odd]}; "
                "give all ranks the same environment"
            )

    @collective
    def read(self, path: str | os.PathLike[str], name: str | None = None, *, columns: list[str] | None = None) -> Table:
        """The table `name` in a file; its rows are read when they are needed.

        Parameters
        ----------
        path : path
            A file, or ``FILE:/group``.
        name : str, optional
            The group or dataset; not needed if the file holds exactly one table.
        columns : list of str, optional
            Only these columns, in this order.

        Raises
        ------
        UserError
            If there is no such table, or ranks see different files under the name.

        Notes
        -----
        *Collective*.
        """
        from gpumpi.array.table import read_table

        return read_table(self, os.fspath(path), name, columns)

    @collective
    def array(self, local: npt.ArrayLike) -> PartitionedArray:
        """The array whose consecutive pieces are what each rank passes, in rank order.

        Parameters
        ----------
        local : array_like of shape (n, ...)
            This rank's piece; n may differ between ranks and be 0, dtype and row shape may not.

        Raises
        ------
        UserError
            If dtypes or row shapes differ between ranks.

        Notes
        -----
        *Collective*. The piece is not copied if it is contiguous; do not change it afterwards.
        """
        from gpumpi.array.array import partitioned

        return partitioned(self, local)

    @collective
    def table(self, columns: dict[str, npt.ArrayLike]) -> Table:
        """The table of named columns of equal length, each given by consecutive pieces in rank order.

        Notes
        -----
        *Collective*. As `array`.
        """
        from gpumpi.array.table import table_of_arrays

        return table_of_arrays(self, columns)

    def close(self) -> None:
        """Give back what the world holds. *Collective*."""
        self.fabric.close()

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
