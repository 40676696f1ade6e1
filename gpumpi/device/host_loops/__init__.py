"""The CPU's inner loops, compiled by Numba: one file a concern, twins of the files in `kernels/`.

Knows: plain arrays and numbers. Does not know: pools, plans, files, ranks. Every loop releases the GIL, allocates
nothing and trusts its caller for shapes.
"""
