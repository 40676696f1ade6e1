"""Which ranks share a node.

Knows: ranks, nodes, host names. Does not know: sockets, networks, GPUs.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI


@dataclass(frozen=True)
class Topology:
    """Where this rank is among the nodes of the job.

    Attributes
    ----------
    node : int
        Number of this rank's node; nodes are numbered by their lowest rank.
    n_nodes : int
        Nodes in the job. A node is what shares memory.
    local_rank, local_size : int
        This rank's place on its node, and how many ranks the node has.
    host : str
        The node's own name for itself.
    nodes : tuple of int
        The node of every rank; the same on all ranks.
    """

    node: int
    n_nodes: int
    local_rank: int
    local_size: int
    host: str
    nodes: tuple[int, ...]


def find_topology(comm: MPI.Intracomm, local: MPI.Intracomm) -> Topology:
    """The topology of `comm`, given its part on this node.

    Notes
    -----
    *Collective*. One allgather.
    """
    leader = np.array([comm.rank], np.int64)
    local.Bcast([leader, 1, MPI.INT64_T], 0)
    leaders = np.empty(comm.size, np.int64)
    comm.Allgather([leader, 1, MPI.INT64_T], [leaders, 1, MPI.INT64_T])
    firsts, nodes = np.unique(leaders, return_inverse=True)
    return Topology(
        int(nodes[comm.rank]), len(firsts), local.rank, local.size, socket.gethostname(), tuple(map(int, nodes))
    )
