"""Why a program takes the time and the memory that it takes, under one allocator and beside others.

Files, lower ones first:

    counts       the data: figures with their sources, functions, system calls
    slope        what grows with the length of a run, apart from what its start costs
    lengths      how long the runs are
    start        starts a program, as it is or under a tool
    callgrind    callgrind's output file -> events and functions
    caches       this machine's caches, for the simulation
    simulated    a run under callgrind
    hardware     a run under `perf stat`
    calls        a run under strace
    rates        a run on the count flavour
    times        plain runs in paired rounds
    costs        what an instruction, a miss, a fault, a call, a switch costs here
    resources    what a program uses, and what bears on it in HAKMEM
    bill         amounts and unit costs -> nanoseconds of each resource
    words        amounts as people read them
    where        functions, calls and counters that belong to a resource
    findings     the bill beside the peers' -> ranked findings, in words
    gather       each tool over one allocator
    outcome      the result, as `hakmem-perf/1` stores it
    session      the steps of a profile
    profile      all of it, for one workload
"""
