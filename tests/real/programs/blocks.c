/* blocks.c -- every function of the malloc family over sizes from 0 to 40 MiB, from several threads that free each
 * other's blocks. Arguments: rounds (default 3). Run wherever the surroundings of a program are unusual. */
#include "check.h"

#include <malloc.h>
#include <pthread.h>

enum { THREADS = 4, SLOTS = 2000 };

struct slot {
    void *block;
    size_t size;
    uint32_t key;
};

static pthread_mutex_t exchange_lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot exchange[SLOTS];
static int rounds = 3;

static size_t random_size(uint32_t *state)
{
    uint32_t x = next_random(state);
    switch (x % 16) {
        case 0: return x / 16 % 70000;
        case 1: return x / 16 % 4 == 0 ? x / 64 % 1500000 : x / 64 % 9000;
        case 2: return 0;
        default: return x / 16 % 700;
    }
}

/* A new block by one of the ways to get one; *size is what may be used. */
static void *get_block(uint32_t *state, size_t *size)
{
    uint32_t way = next_random(state) % 8;
    size_t n = *size = random_size(state);
    size_t alignment = (size_t)16 << next_random(state) % 9;
    void *block = NULL;
    switch (way) {
        case 0:
            block = calloc(1, n);
            CHECK(block != NULL && is_zero(block, n));
            return block;
        case 1:
            CHECK(posix_memalign(&block, alignment, n) == 0);
            break;
        case 2:
            block = memalign(alignment, n);
            break;
        case 3: {
            size_t first = n / 3 + 1;
            block = malloc(first);
            CHECK(block != NULL);
            fill(block, first, 99);
            block = realloc(block, n + 1);
            CHECK(block != NULL && is_intact(block, first < n + 1 ? first : n + 1, 99));
            return block;
        }
        default:
            block = malloc(n);
            alignment = n >= 16 ? 16 : 8;
    }
    CHECK(block != NULL);
    CHECK(n == 0 || (uintptr_t)block % alignment == 0);
    CHECK(malloc_usable_size(block) >= n);
    return block;
}

static void *work(void *argument)
{
    uint32_t state = (uint32_t)(uintptr_t)argument * 2654435761u + 1;
    for (int i = 0; i < rounds * 20000; i++) {
        struct slot mine = {.key = next_random(&state)};
        mine.block = get_block(&state, &mine.size);
        fill(mine.block, mine.size, mine.key);
        pthread_mutex_lock(&exchange_lock);
        struct slot *place = &exchange[next_random(&state) % SLOTS];
        struct slot other = *place;
        *place = mine;
        pthread_mutex_unlock(&exchange_lock);
        CHECK(other.block == NULL || is_intact(other.block, other.size, other.key));
        errno = 4711;
        free(other.block);
        CHECK(errno == 4711);
    }
    return NULL;
}

static void large_blocks(void)
{
    unsigned char *block = NULL;
    for (size_t size = 1 << 20; size <= (size_t)40 << 20; size *= 2) {
        block = realloc(block, size);
        CHECK(block != NULL);
        CHECK(size == 1 << 20 || is_intact(block, 4096, 5));
        fill(block, 4096, 5);
        block[size - 1] = 1;
    }
    free(block);
    unsigned char *zero = calloc(1, (size_t)40 << 20);
    CHECK(zero != NULL && is_zero(zero, (size_t)40 << 20));
    free(zero);
}

static void refusals(void)
{
    volatile size_t too_large = SIZE_MAX / 2;
    errno = 0;
    CHECK(malloc(too_large) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(calloc(too_large, 3) == NULL && errno == ENOMEM);
    void *block = NULL;
    CHECK(posix_memalign(&block, 24, 8) == EINVAL);
}

int main(int count, char **arguments)
{
    if (count > 1) {
        rounds = atoi(arguments[1]);
    }
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, work, (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < SLOTS; i++) {
        CHECK(exchange[i].block == NULL || is_intact(exchange[i].block, exchange[i].size, exchange[i].key));
        free(exchange[i].block);
    }
    large_blocks();
    refusals();
    malloc_trim(0);
    puts("ok");
    return 0;
}
