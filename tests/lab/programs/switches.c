/* switches.c -- switches COUNT: gives the processor away so often, by the shortest sleep. */
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    for (long i = strtol(words[1], NULL, 10); i > 0; i--) usleep(1);
    return 0;
}
