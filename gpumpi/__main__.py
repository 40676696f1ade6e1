"""``python -m gpumpi`` is the command ``gpumpi``."""

from gpumpi.cli.entry import main

if __name__ == "__main__":
    raise SystemExit(main())
