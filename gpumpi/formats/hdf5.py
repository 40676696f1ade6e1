"""HDF5 in and out: the names that the rest of gpumpi uses.

Knows: where each name is defined. Does not know: how anything is done.
What a table is: `gpumpi.formats.hdf5_find`. How it is read: `hdf5_read`. How an output comes to be: `hdf5_output`, and
in chunks, `hdf5_chunks`.
"""

from gpumpi.formats.hdf5_chunks import ChunkEncoder, ChunkStore, lay_out_chunked
from gpumpi.formats.hdf5_info import TableInfo, library_version, list_tables
from gpumpi.formats.hdf5_names import split_name
from gpumpi.formats.hdf5_output import ChunkedOutput, Output, abandon, commit, lay_out, open_sink
from gpumpi.formats.hdf5_read import Hdf5Source, open_table
from gpumpi.formats.hdf5_sink import Hdf5Sink
from gpumpi.formats.hdf5_temporary import check_output

__all__ = [
    "split_name", "list_tables", "TableInfo", "open_table", "Hdf5Source",
    "check_output", "lay_out", "Output", "open_sink", "Hdf5Sink", "commit", "abandon",
    "lay_out_chunked", "ChunkedOutput", "ChunkEncoder", "ChunkStore", "library_version",
]  # fmt: skip
