"""`python -m mihub` is `mihub`, for places where the installed script is not on the path."""

from mihub.apps.cli import main

if __name__ == "__main__":
    main()
