/* shrink_when_full.c -- realloc to a smaller size works although no address space is left. */
#include "check.h"

#include <sys/resource.h>

int main(void)
{
    char *block = malloc(100000);
    CHECK(block != NULL);
    memset(block, 7, 100000);
    struct rlimit limit = {1, 1};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    while (malloc(30000) != NULL) {
    }
    block = realloc(block, 30000);
    CHECK(block != NULL);
    for (int i = 0; i < 30000; i++) {
        CHECK(block[i] == 7);
    }
    puts("ok");
    return 0;
}
