"""``python -m heartsim`` is ``heartsim``."""

from heartsim.cli import main

if __name__ == "__main__":
    main()
