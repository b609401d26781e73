"""Real programs on HAKMEM: each must behave as it does on the system's malloc.

``library``  which library is preloaded
``child``    starts programs on it, and what each run must fulfil
``needs``    programs, the packages that they are in, and what happens where they are missing
``native``   compiles ``programs/*.c`` and ``*.cpp``
``junit``    reads the results of another project's test suite
"""
