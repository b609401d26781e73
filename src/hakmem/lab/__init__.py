"""The laboratory: runs workloads under allocators and says which is better, by how much, and why.

Data flows one way, and each module knows only what stands before it:

    plan          what there is to run: workloads, allocators, how much effort
    measurement   one run of one workload under one allocator
    result        a whole suite: cells of samples, the host, as `hakmem-bench/1` stores it
    catalogue/    the workloads
    allocators    which allocators are there
    host          what this machine is
    meter         one run
    statistics    intervals, ratios, verdicts
    runner        all runs, in paired rounds; tells `events`, with the time left by `forecast`
    metrics       what a run is worth
    agreement     whether all allocators' runs computed the same
    cells         measurements -> cells
    rates         hit rates of a run on the count flavour
    noise         what else the machine did meanwhile
    suite         cells and all around them -> a suite
    store         result <-> JSON, by `codec`
    soak/         a long run: limits, and whether memory creeps
    perf/         why: instructions, misses, faults, system calls, ranked
    scaling       what a run asks of locks, for the model of many cores
"""
