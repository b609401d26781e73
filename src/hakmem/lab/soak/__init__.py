"""A long run: whether memory stays where it belongs while a server works.

From the bottom up:

    samples   what workloads/soak.c wrote
    limits    which limits of the design each sample has to keep, as data, and whether it did
    creep     whether resident memory grows
    result    a whole run as it is stored: schema `hakmem-soak/1`
    run       one run under one allocator, by the laboratory's meter
"""
