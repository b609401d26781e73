/* doors.h -- the functions by which a program reaches the allocator, as records name them.
 * May use: base. */
#ifndef HAK_DOORS_H
#define HAK_DOORS_H

#include "base.h"

/* What takes blocks comes first, by family; what gives them back follows. */
#define HAK_DOORS(X) \
    X(malloc, "malloc") X(calloc, "calloc") X(realloc, "realloc") X(reallocarray, "reallocarray") \
    X(posix_memalign, "posix_memalign") X(aligned_alloc, "aligned_alloc") X(memalign, "memalign") \
    X(valloc, "valloc") X(pvalloc, "pvalloc") \
    X(new, "operator new") X(new_array, "operator new[]") \
    X(free, "free") X(cfree, "cfree") X(free_sized, "free_sized") X(free_aligned_sized, "free_aligned_sized") \
    X(usable_size, "malloc_usable_size") \
    X(delete, "operator delete") X(delete_array, "operator delete[]") \
    X(none, "the program")

#define HAK_DOOR_ID(id, name) HAK_DOOR_##id,
typedef enum { HAK_DOORS(HAK_DOOR_ID) HAK_DOOR_COUNT } hak_door_t;
#undef HAK_DOOR_ID

static inline const char *hak_door_name(unsigned door) {
#define HAK_DOOR_NAME(id, name) name,
    static const char *const names[] = {HAK_DOORS(HAK_DOOR_NAME)};
#undef HAK_DOOR_NAME
    return names[door < HAK_DOOR_COUNT ? door : HAK_DOOR_none];
}

/* The taking door whose blocks a giving door is for; HAK_DOOR_malloc stands for all of C's. */
static inline hak_door_t hak_door_family(hak_door_t door) {
    switch (door) {
    case HAK_DOOR_new:
    case HAK_DOOR_delete: return HAK_DOOR_new;
    case HAK_DOOR_new_array:
    case HAK_DOOR_delete_array: return HAK_DOOR_new_array;
    default: return HAK_DOOR_malloc;
    }
}

/* The same in two bits, and whether `new` was asked for an alignment: what the secure flavour notes of a block. */
typedef enum { HAK_KIND_MALLOC, HAK_KIND_NEW, HAK_KIND_NEW_ARRAY, HAK_KIND_NEW_ALIGNED } hak_kind_t;

static inline hak_kind_t hak_door_kind(hak_door_t door, bool aligned) {
    hak_door_t family = hak_door_family(door);
    if (family == HAK_DOOR_malloc) return HAK_KIND_MALLOC;
    return aligned ? HAK_KIND_NEW_ALIGNED : family == HAK_DOOR_new ? HAK_KIND_NEW : HAK_KIND_NEW_ARRAY;
}

#endif
