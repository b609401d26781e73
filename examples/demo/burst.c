/* burst.c -- a program that stands in for a real native one where neither sqlite3 nor GCC's compiler proper is there.
 *
 * Builds and drops a tree of words, twice, does light work for a while, and prints as python_service.py does:
 * {"seconds": ..., "peak_kib": ..., "after_kib": ..., "result": ...} */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORDS = 400000, ROUNDS = 2 };

struct node {
    struct node *less, *more;
    char *word;
    long count;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *need(void *block)
{
    if (block == NULL) {
        fputs("burst: out of memory\n", stderr);
        exit(1);
    }
    return block;
}

static void add(struct node **place, const char *word)
{
    while (*place != NULL) {
        int order = strcmp(word, (*place)->word);
        if (order == 0) {
            (*place)->count++;
            return;
        }
        place = order < 0 ? &(*place)->less : &(*place)->more;
    }
    struct node *node = need(calloc(1, sizeof *node));
    node->word = need(malloc(strlen(word) + 1));
    strcpy(node->word, word);
    node->count = 1;
    *place = node;
}

/* The sum over all nodes; the tree is freed. */
static long drop(struct node *node)
{
    if (node == NULL) {
        return 0;
    }
    long sum = node->count * (long)strlen(node->word) + drop(node->less) + drop(node->more);
    free(node->word);
    free(node);
    return sum;
}

static long kernel_kib(const char *name)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && value < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            value = strtol(line + strlen(name), NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return value;
}

int main(void)
{
    double started = now();
    long result = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct node *root = NULL;
        unsigned long state = 42;
        for (int i = 0; i < WORDS; i++) {
            char word[80];
            state = state * 6364136223846793005ul + 1442695040888963407ul;
            snprintf(word, sizeof word, "%lu%.*s", (state >> 33) % 800000, (int)(state >> 60), "a longer ending");
            add(&root, word);
        }
        result += drop(root);
    }
    double seconds = now() - started;
    struct timespec pause = {0, 2000000};
    while (now() < started + seconds + 1.2) {
        free(need(malloc(100)));
        nanosleep(&pause, NULL);
    }
    printf("{\"seconds\": %.6f, \"peak_kib\": %ld, \"after_kib\": %ld, \"result\": %ld}\n", seconds, kernel_kib("VmHWM:"),
           kernel_kib("VmRSS:"), result);
    return 0;
}
