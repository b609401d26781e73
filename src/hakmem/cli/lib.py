"""`hakmem lib`: where the library is."""

from pathlib import Path

from hakmem.cli.arguments import Parser, add_flavour
from hakmem.libraries import copy_library, library_path


def execute(words: list[str]) -> int:
    """Prints the path of a library, or of the copy that it made."""
    parser = Parser(
        prog="hakmem lib",
        description="Prints the path of the library. It needs nothing but the C library, so a copy\n"
        "serves in images without Python: LD_PRELOAD=/opt/libhakmem.so program",
    )
    add_flavour(parser)
    parser.add_argument(
        "--copy-to", type=Path, metavar="DIR", help="copy it there, and print the copy's path"
    )
    arguments = parser.parse_args(words)
    library = library_path(arguments.flavour)
    print(copy_library(library, arguments.copy_to) if arguments.copy_to else library)
    return 0
