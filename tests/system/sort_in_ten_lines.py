import numpy as np

from gpumpi.fabric import Fabric

with Fabric() as fabric:
    mine = np.random.default_rng(fabric.rank).random(1_000_000)
    owner = (mine * fabric.size).astype(int)
    arrived = fabric.alltoallv(mine[np.argsort(owner)], np.bincount(owner, minlength=fabric.size))
    arrived.sort()
    total, smallest = fabric.allreduce(len(arrived)), fabric.gather(arrived[0])
    if fabric.rank == 0:
        print(f"{total} numbers are sorted; each rank's smallest: {smallest.round(3)}")
