/* realloc_growth.c -- BUFFERS buffers that grow by realloc: each operation picks one at random and appends 1 to STEP bytes; one
 * that would outgrow BYTES is freed and begins anew.
 *
 *   realloc_growth OPERATIONS BUFFERS BYTES STEP [SEED]
 *
 * One large buffer is the vector of a program that does not know how much will come; many small ones are strings. */
#include "workload.h"

typedef struct buffer {
    unsigned char *bytes;
    size_t size;
} buffer_t;

static buffer_t *buffers;
static uint64_t limit, step, state, reallocs, frees, appended;
static bool holds_bytes; /* false on the floor allocator */

/* What a buffer's bytes must be: the number of the buffer, as it was written at its start and at its end. */
static void release(uint64_t i) {
    buffer_t *buffer = &buffers[i];
    unsigned char mark = (unsigned char)i;
    if (holds_bytes && (buffer->bytes[0] != mark || buffer->bytes[buffer->size - 1] != mark))
        lab_fail(1, "realloc lost the bytes of a buffer of %zu", buffer->size);
    free(buffer->bytes);
    *buffer = (buffer_t){NULL, 0};
    frees++;
}

static void append(uint64_t i, size_t more) {
    buffer_t *buffer = &buffers[i];
    unsigned char *bytes = realloc(buffer->bytes, buffer->size + more);
    if (bytes == NULL) lab_out_of_memory(buffer->size + more);
    memset(bytes + buffer->size, (int)(i & 255), more);
    *buffer = (buffer_t){bytes, buffer->size + more};
    appended += more;
    reallocs++;
}

int main(int count, char **arguments) {
    lab_begin("realloc_growth", "OPERATIONS BUFFERS BYTES STEP [SEED]", count, arguments, 4, 5);
    uint64_t operations = lab_whole("OPERATIONS", 1, UINT64_MAX / 2), many = lab_whole("BUFFERS", 1, 1 << 28);
    limit = lab_whole("BYTES", 1, (uint64_t)1 << 31);
    step = lab_whole("STEP", 1, limit);
    state = lab_stream(lab_whole_or("SEED", 0, UINT64_MAX, 1), 0);
    holds_bytes = !lab_is_floor();
    buffers = lab_map(many * sizeof *buffers);

    double begin = lab_now();
    while (reallocs + frees < operations) {
        uint64_t x = lab_random(&state), i = lab_below((uint32_t)x, many);
        size_t more = 1 + lab_below((uint32_t)(x >> 32), step);
        if (buffers[i].size + more > limit) release(i);
        else append(i, more);
    }
    double seconds = lab_now() - begin;

    lab_result(operations, seconds, lab_mix(lab_mix(lab_mix(state, reallocs), frees), appended));
    for (uint64_t i = 0; i < many; i++)
        if (buffers[i].bytes != NULL) release(i);
    return 0;
}
