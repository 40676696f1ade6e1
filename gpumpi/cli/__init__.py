"""What people type: one file a command, loaded when it is asked for.

Knows: words, options, terminals. Does not know: how anything is done.
"""
