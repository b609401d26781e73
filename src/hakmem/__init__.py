"""HAKMEM: a malloc for Linux, and the command that puts programs on it.

The version below is the only place where it is written; the build and the package read it from here.
"""

__version__ = "0.1.0"
