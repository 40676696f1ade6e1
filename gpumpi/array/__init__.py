"""The nouns: world, layout, array, table."""
