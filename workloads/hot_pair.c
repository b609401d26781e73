/* hot_pair.c -- malloc and free of one size in turn: each on its shortest way, block and list in the first-level cache.
 *
 *   hot_pair PAIRS [SIZE] */
#include "workload.h"

int main(int count, char **arguments) {
    lab_begin("hot_pair", "PAIRS [SIZE]", count, arguments, 1, 2);
    uint64_t pairs = lab_whole("PAIRS", 1, UINT64_MAX / 4);
    size_t size = lab_whole_or("SIZE", 1, 1 << 30, 64);
    double begin = lab_now();
    for (uint64_t i = 0; i < pairs; i++) {
        void *block = lab_malloc(size);
        *(volatile char *)block = 1;
        free(block);
    }
    lab_result(2 * pairs, lab_now() - begin, lab_mix(lab_mix(0, pairs), size));
    return 0;
}
