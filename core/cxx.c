#include "cxx.h"

#include <dlfcn.h>

#include "checked.h"
#include "diag.h"

typedef void (*handler_t)(void);
typedef handler_t (*get_handler_t)(void);
typedef void (*throw_t)(void);
struct nothrow;
typedef void *(*nothrow_new_t)(size_t, const struct nothrow *);
typedef void *(*nothrow_aligned_new_t)(size_t, size_t, const struct nothrow *);

static const char *const runtimes[] = {"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1"};

/* A C++ runtime's own function, also of a runtime that only a plugin opened. */
static void *find_in_runtime(const char *name) {
    for (size_t i = 0; i < sizeof runtimes / sizeof *runtimes; i++) {
        void *runtime = dlopen(runtimes[i], RTLD_LAZY | RTLD_NOLOAD);
        void *symbol = runtime != NULL ? dlsym(runtime, name) : NULL;
        if (runtime != NULL) dlclose(runtime);
        if (symbol != NULL) return symbol;
    }
    return dlsym(RTLD_DEFAULT, name); /* linked into the program */
}

static handler_t current_handler(void) {
    get_handler_t get = NULL;
    *(void **)&get = find_in_runtime("_ZSt15get_new_handlerv");
    return get != NULL ? get() : NULL;
}

static void *try(size_t size, size_t alignment, hak_door_t door) {
    if (hak_checking()) return hak_checked_alloc(size, alignment, door);
    return alignment > 1 ? hak_alloc_aligned(alignment, size) : hak_alloc(size);
}

HAK_NOINLINE void *hak_new_slow(size_t size, size_t alignment, hak_door_t door) {
    for (;;) {
        void *block = try(size, alignment, door);
        if (block != NULL) return block;
        handler_t handler = current_handler();
        if (handler == NULL) break;
        handler();
    }
    throw_t throw_bad_alloc = NULL;
    *(void **)&throw_bad_alloc = find_in_runtime("_ZSt17__throw_bad_allocv");
    if (throw_bad_alloc == NULL) hak_fatal(HAK_ERROR_no_cxx_runtime, NULL, "operator new");
    throw_bad_alloc();
    __builtin_unreachable();
}

/* Only C++ can catch what a new-handler throws: with a handler set, the runtime's own nothrow form calls ours and catches. */
HAK_NOINLINE void *hak_new_nothrow_slow(size_t size, size_t alignment, hak_door_t door) {
    static const char none;
    if (current_handler() == NULL) return try(size, alignment, door);
    if (alignment > 1) {
        nothrow_aligned_new_t aligned = NULL;
        *(void **)&aligned = find_in_runtime("_ZnwmSt11align_val_tRKSt9nothrow_t");
        return aligned != NULL ? aligned(size, alignment, (const struct nothrow *)&none) : NULL;
    }
    nothrow_new_t plain = NULL;
    *(void **)&plain = find_in_runtime("_ZnwmRKSt9nothrow_t");
    return plain != NULL ? plain(size, (const struct nothrow *)&none) : NULL;
}
