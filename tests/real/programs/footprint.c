/* footprint.c -- a trivial program that prints its peak resident memory in KiB. */
#include "check.h"

int main(void)
{
    void *block = malloc(100);
    CHECK(block != NULL);
    memset(block, 1, 100);
    free(block);
    printf("%ld\n", status_kib("VmHWM:"));
    return 0;
}
