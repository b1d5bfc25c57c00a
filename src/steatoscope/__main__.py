"""``python -m steatoscope`` is the command line."""

from steatoscope.apps.cli.main import main

if __name__ == "__main__":
    main()
