"""Tools of the project, each usable on its own: `python -m scripts.<name>`."""
