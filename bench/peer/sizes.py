"""Command-line sizes that the peer and the export share; imports nothing heavy."""

import argparse

SIZES = {"hidden": 768, "layers": 12, "vocab": 8000, "labels": 9, "seed": 1, "threads": 2}


def size_arguments(parser: argparse.ArgumentParser, **more: int) -> None:
    """Add --hidden, --layers, … and the integers named in `more`, with their defaults."""
    for name, default in (SIZES | more).items():
        parser.add_argument(f"--{name}", type=int, default=default)
