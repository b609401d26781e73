/* object.h -- the loaded objects (program, libraries) by address: where they lie, their segments, tables and names.
 * May use: base, bits, atomic, os, loaded.
 * An object is found as loaded.h says, without a lock; where the C library has none of that, by dl_iterate_phdr. It stays loaded as
 * long as `pc` is on a stack that will return to it. */
#ifndef HAK_OBJECT_H
#define HAK_OBJECT_H

#include "base.h"

enum { HAK_OBJECT_SEGMENTS = 12, HAK_OBJECT_ID_MAX = 4096 };

typedef struct hak_segment {
    uintptr_t start, end;
    size_t offset; /* in the file */
    bool readable, executable;
} hak_segment_t;

typedef struct hak_object {
    uintptr_t bias;
    const char *path;        /* "" for the program itself */
    uintptr_t unwind_header; /* .eh_frame_hdr; 0 if there is none */
    uintptr_t dynamic, notes;
    size_t notes_size, count;
    hak_segment_t segments[HAK_OBJECT_SEGMENTS];
} hak_object_t;

/* The object in which `pc` lies. */
bool hak_object_find(uintptr_t pc, hak_object_t *object);
/* All that are loaded. Holds the dynamic linker's lock. */
void hak_object_each(void (*visit)(const hak_object_t *object, void *context), void *context);

/* Where an object lies, and which it is: another that is loaded there later has another id. `id` is 0 beyond
 * HAK_OBJECT_ID_MAX objects, `fresh` if none was seen with this id before. */
typedef struct hak_extent {
    uintptr_t start, end;
    uint32_t id;
    bool fresh;
    bool lasts; /* see hak_object_lasting */
} hak_extent_t;
bool hak_object_extent(uintptr_t pc, hak_extent_t *extent);
/* What is loaded now stays loaded, as what the program was started with does: it is found faster from now on. Calls `visit` for
 * each. To be called once, before the program's own code runs. */
void hak_object_lasting(void (*visit)(const hak_object_t *object, void *context), void *context);

/* The end of the readable segment in which `address` lies; 0 if it lies in none. */
uintptr_t hak_object_readable_end(const hak_object_t *object, uintptr_t address);
/* The address of an exported symbol, by the object's hash table (DT_GNU_HASH); 0 if it has none of that name. */
uintptr_t hak_object_symbol(const hak_object_t *object, const char *name);
/* The build id (NT_GNU_BUILD_ID); returns its size, 0 if there is none. */
size_t hak_object_build_id(const hak_object_t *object, unsigned char *id, size_t size);

#endif
