"""`hakmem --version`."""

from hakmem import __version__
from hakmem.libraries import library_path
from hakmem.spec.flavours import FLAVOURS


def execute(*, verbose: bool) -> int:
    """Prints the version; when `verbose`, also how each library was built."""
    print(f"hakmem {__version__}")
    if verbose:
        from hakmem.native import Library  # noqa: PLC0415  (opening a library takes time)

        for flavour in FLAVOURS:
            path = library_path(flavour.name)
            library = Library(path)
            print(f"{flavour.name}: {library.version}, {library.build_info}\n    {path}")
    return 0
