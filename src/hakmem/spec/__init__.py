"""What the core, the command, the documents and the tests must agree on, as typed data.

Each module holds one table. `generate` writes the C that the core is compiled with, `documents` the
reference pages. Nothing here imports more than the standard library, because the build runs it.
"""
