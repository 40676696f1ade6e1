"""What is done with tables: sort, check, generate."""
