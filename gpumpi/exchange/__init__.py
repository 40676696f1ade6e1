"""How rows move between ranks."""
