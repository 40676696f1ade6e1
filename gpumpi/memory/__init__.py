"""How much memory there is, and what rests in it."""
