"""`hakmem env`: the lines that put HAKMEM under a program for good."""

import os
import sys

from hakmem.cli.arguments import Parser, add_flavour, add_settings, link_directories, settings_of
from hakmem.cpython import Choice
from hakmem.env_formats import FORMATS
from hakmem.launch import Launch
from hakmem.libraries import library_path, loadable


def execute(words: list[str]) -> int:
    """Prints the variables in the format asked for."""
    parser = Parser(
        prog="hakmem env",
        description="Prints the environment variables that put HAKMEM under a program for good.\n"
        'In a shell: eval "$(hakmem env)"',
    )
    parser.add_argument("--format", choices=list(FORMATS), default=next(iter(FORMATS)), help="the language")
    add_flavour(parser)
    add_settings(parser)
    parser.add_argument(
        "--python-malloc",
        choices=[Choice.KEEP.value, Choice.MALLOC.value],
        default=Choice.KEEP.value,
        help="malloc: with PYTHONMALLOC=malloc, which free-threaded builds of CPython refuse",
    )
    arguments = parser.parse_args(words)
    settings = settings_of(arguments.settings)
    library = library_path(arguments.flavour)
    usable = loadable(library, link_directories(os.environ, os.getuid()))
    if usable != library:
        print(
            f"hakmem: LD_PRELOAD cannot hold {str(library)!r}, so the lines name a link to it in a cache;"
            " `hakmem lib --copy-to DIR` makes a copy that stays",
            file=sys.stderr,
        )
    launch = Launch(usable, settings, python_malloc=arguments.python_malloc == Choice.MALLOC)
    print(FORMATS[arguments.format](launch.variables()))
    return 0
