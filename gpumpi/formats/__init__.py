"""How files are read and written: one contract, a format a family of files."""
