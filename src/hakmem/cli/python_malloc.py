"""The option --python-malloc of the commands that put HAKMEM under a program."""

from collections.abc import Mapping

from hakmem.cli.arguments import Parser, cache_directory
from hakmem.cpython import Choice, ask, decide, python_among
from hakmem.errors import UsageError
from hakmem.launch import PYTHON_MALLOC
from hakmem.program import Program


def add_python_malloc(parser: Parser) -> None:
    """Adds --python-malloc."""
    parser.add_argument(
        "--python-malloc",
        choices=[choice.value for choice in Choice],
        default=Choice.AUTO.value,
        help="where a CPython keeps its objects: malloc (on HAKMEM), keep (as it is), auto (malloc where the"
        " interpreter takes it and PYTHONMALLOC is not set)",
    )


def wants_python_malloc(choice: Choice, program: Program, environment: Mapping[str, str]) -> bool:
    """Whether PYTHONMALLOC=malloc is to be set; asks the interpreter where that matters."""
    current = environment.get(PYTHON_MALLOC)
    python = python_among(program.files)
    if choice is Choice.KEEP or (choice is Choice.AUTO and (python is None or current is not None)):
        return False
    cache = cache_directory(environment)
    answer = ask(python, environment, cache / "interpreters.json" if cache else None) if python else None
    if choice is Choice.MALLOC and answer is not None and not answer.takes_malloc:
        raise UsageError(
            f"{python!r} does not run with {PYTHON_MALLOC}=malloc, as free-threaded builds do not; use"
            " --python-malloc keep"
        )
    return decide(choice, answer, current)
