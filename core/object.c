#include "object.h"

#include <elf.h>
#include <string.h>

#include "atomic.h"
#include "bits.h"
#include "loaded.h"
#include "os.h"

enum { LASTING_MAX = 64 };

static void take_segment(hak_object_t *object, const ElfW(Phdr) * header) {
    uintptr_t start = object->bias + header->p_vaddr;
    switch (header->p_type) {
    case PT_LOAD:
        if (object->count == HAK_OBJECT_SEGMENTS) return;
        object->segments[object->count++] = (hak_segment_t){start, start + header->p_memsz, header->p_offset,
                                                            (header->p_flags & PF_R) != 0, (header->p_flags & PF_X) != 0};
        return;
    case PT_GNU_EH_FRAME: object->unwind_header = start; return;
    case PT_DYNAMIC: object->dynamic = start; return;
    case PT_NOTE:
        if (object->notes_size >= header->p_memsz) return; /* there may be two: the build id is in the larger */
        object->notes = start;
        object->notes_size = header->p_memsz;
        return;
    default: return;
    }
}

static void take_segments(hak_object_t *object, const ElfW(Phdr) * headers, size_t count) {
    for (size_t i = 0; i < count; i++) take_segment(object, &headers[i]);
}

static bool is_inside(const hak_object_t *object, uintptr_t pc) {
    for (size_t i = 0; i < object->count; i++) {
        if (pc >= object->segments[i].start && pc < object->segments[i].end) return true;
    }
    return false;
}

/* The first page of an object holds its program headers, unless a linker was told otherwise. */
static bool from_found(const hak_loaded_t *found, hak_object_t *object) {
    const ElfW(Ehdr) *header = found->start;
    size_t room = (uintptr_t)found->end - (uintptr_t)found->start;
    if (room < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return false;
    if (header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff >= hak_os_page_size() ||
        header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > hak_min(room, hak_os_page_size())) {
        return false;
    }
    *object = (hak_object_t){.bias = found->map->l_addr, .path = found->map->l_name != NULL ? found->map->l_name : ""};
    take_segments(object, (const ElfW(Phdr) *)((uintptr_t)found->start + header->e_phoff), header->e_phnum);
    return true;
}

typedef struct object_search {
    uintptr_t pc;
    hak_object_t *object;
    bool found;
} object_search_t;

static void from_info(const struct dl_phdr_info *info, hak_object_t *object) {
    *object = (hak_object_t){.bias = info->dlpi_addr, .path = info->dlpi_name != NULL ? info->dlpi_name : ""};
    take_segments(object, info->dlpi_phdr, info->dlpi_phnum);
}

static int look_in_object(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    object_search_t *search = context;
    from_info(info, search->object);
    search->found = is_inside(search->object, search->pc);
    return search->found;
}

bool hak_object_find(uintptr_t pc, hak_object_t *object) {
    if (hak_loaded_find != NULL) {
        hak_loaded_t found;
        if (hak_loaded_find((void *)pc, &found) != 0) return false;
        if (from_found(&found, object)) return is_inside(object, pc);
    }
    object_search_t search = {pc, object, false};
    dl_iterate_phdr(look_in_object, &search);
    return search.found;
}

typedef struct object_tour {
    void (*visit)(const hak_object_t *, void *);
    void *context;
} object_tour_t;

static int show_object(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    const object_tour_t *tour = context;
    hak_object_t object;
    from_info(info, &object);
    tour->visit(&object, tour->context);
    return 0;
}

void hak_object_each(void (*visit)(const hak_object_t *, void *), void *context) {
    object_tour_t tour = {visit, context};
    dl_iterate_phdr(show_object, &tour);
}

/* What makes an object this one, hashed: where it lies, the linker's record of it, and the start of its unwind table. */
static _Atomic uint64_t identities[HAK_OBJECT_ID_MAX];

static uint32_t id_of(uint64_t identity, bool *fresh) {
    identity |= 1; /* not 0, which is an empty place */
    for (uint32_t step = 0; step < HAK_OBJECT_ID_MAX; step++) {
        uint32_t at = (uint32_t)(identity / 2 + step) % HAK_OBJECT_ID_MAX;
        uint64_t there = hak_load_relaxed(&identities[at]); /* relaxed: a number that stands for itself */
        *fresh = there == 0 && hak_cas_relaxed(&identities[at], &there, identity);
        if (*fresh || there == identity) return at + 1;
    }
    return 0;
}

static uint64_t identity_of(uintptr_t start, const void *record, uintptr_t unwind_header) {
    uint64_t mixed = start * 0x9e3779b97f4a7c15u ^ ((uintptr_t)record + unwind_header) * 0xc2b2ae3d27d4eb4fu;
    for (size_t word = 0; unwind_header % sizeof(uint32_t) == 0 && unwind_header != 0 && word < 4; word++) {
        mixed = (mixed ^ ((const uint32_t *)unwind_header)[word]) * 0xff51afd7ed558ccdu;
        mixed ^= mixed >> 29;
    }
    return mixed;
}

/* Objects that stay, by address. */
static struct {
    hak_extent_t extents[LASTING_MAX];
    _Atomic size_t count;
} lasting;

static void keep_lasting(hak_extent_t extent) {
    size_t at = hak_load_relaxed(&lasting.count);
    if (at == LASTING_MAX) return;
    for (; at > 0 && lasting.extents[at - 1].start > extent.start; at--) lasting.extents[at] = lasting.extents[at - 1];
    lasting.extents[at] = extent;
    hak_add_relaxed(&lasting.count, 1);
}

typedef struct lasting_tour {
    object_tour_t tour;
    hak_extent_t found[LASTING_MAX];
    size_t count;
} lasting_tour_t;

static void visit_lasting(const hak_object_t *object, void *context) {
    lasting_tour_t *lasts = context;
    hak_extent_t extent;
    lasts->tour.visit(object, lasts->tour.context);
    if (object->count == 0 || !hak_object_extent(object->segments[0].start, &extent)) return;
    extent.fresh = false;
    extent.lasts = true;
    if (extent.id != 0 && lasts->count < LASTING_MAX) lasts->found[lasts->count++] = extent;
}

void hak_object_lasting(void (*visit)(const hak_object_t *, void *), void *context) {
    lasting_tour_t lasts = {.tour = {visit, context}};
    hak_object_each(visit_lasting, &lasts);
    for (size_t i = 0; i < lasts.count; i++) keep_lasting(lasts.found[i]);
}

static bool find_lasting(uintptr_t pc, hak_extent_t *extent) {
    size_t low = 0, high = hak_load_relaxed(&lasting.count); /* those below low start at or before pc */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lasting.extents[middle].start <= pc) low = middle + 1;
        else high = middle;
    }
    if (low == 0 || pc >= lasting.extents[low - 1].end) return false;
    *extent = lasting.extents[low - 1];
    return true;
}

bool hak_object_extent(uintptr_t pc, hak_extent_t *extent) {
    if (find_lasting(pc, extent)) return true;
    extent->lasts = false;
    if (hak_loaded_find != NULL) {
        hak_loaded_t found;
        if (hak_loaded_find((void *)pc, &found) != 0) return false;
        extent->start = (uintptr_t)found.start;
        extent->end = (uintptr_t)found.end;
        extent->id = id_of(identity_of(extent->start, found.map, (uintptr_t)found.unwind_header), &extent->fresh);
        return true;
    }
    hak_object_t object;
    if (!hak_object_find(pc, &object)) return false;
    extent->start = object.segments[0].start;
    extent->end = object.segments[object.count - 1].end;
    extent->id = id_of(identity_of(extent->start, object.path, object.unwind_header), &extent->fresh);
    return true;
}

uintptr_t hak_object_readable_end(const hak_object_t *object, uintptr_t address) {
    for (size_t i = 0; i < object->count; i++) {
        const hak_segment_t *segment = &object->segments[i];
        if (segment->readable && address >= segment->start && address < segment->end) return segment->end;
    }
    return 0;
}

static bool readable(const hak_object_t *object, uintptr_t address, size_t size) {
    uintptr_t end = hak_object_readable_end(object, address);
    return end != 0 && size <= end - address;
}

size_t hak_object_build_id(const hak_object_t *object, unsigned char *id, size_t size) {
    if (object->notes == 0 || !readable(object, object->notes, object->notes_size)) return 0;
    uintptr_t at = object->notes, end = at + object->notes_size;
    while (end - at >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        size_t name = hak_round_up(note->n_namesz, 4), text = hak_round_up(note->n_descsz, 4);
        at += sizeof *note;
        if (name > end - at || text > end - at - name) return 0;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp((const char *)at, "GNU", 4) == 0) {
            size_t length = hak_min(note->n_descsz, size);
            memcpy(id, (const char *)at + name, length);
            return length;
        }
        at += name + text;
    }
    return 0;
}

typedef struct symbols {
    uintptr_t hash, symbols, strings;
    size_t strings_size;
} symbols_t;

/* The linker adds the bias to these addresses in place, but not in every C library and not for the vDSO. */
static uintptr_t address_in(const hak_object_t *object, uintptr_t address) {
    return is_inside(object, address) ? address : object->bias + address;
}

static bool symbols_of(const hak_object_t *object, symbols_t *out) {
    *out = (symbols_t){0};
    uintptr_t at = object->dynamic;
    for (; at != 0 && readable(object, at, sizeof(ElfW(Dyn))); at += sizeof(ElfW(Dyn))) {
        const ElfW(Dyn) *entry = (const ElfW(Dyn) *)at;
        if (entry->d_tag == DT_NULL) break;
        if (entry->d_tag == DT_GNU_HASH) out->hash = address_in(object, entry->d_un.d_ptr);
        if (entry->d_tag == DT_SYMTAB) out->symbols = address_in(object, entry->d_un.d_ptr);
        if (entry->d_tag == DT_STRTAB) out->strings = address_in(object, entry->d_un.d_ptr);
        if (entry->d_tag == DT_STRSZ) out->strings_size = entry->d_un.d_val;
    }
    return out->hash != 0 && out->symbols != 0 && readable(object, out->strings, out->strings_size);
}

static uintptr_t defined(const hak_object_t *object, const symbols_t *in, uint32_t index, const char *name) {
    uintptr_t at = in->symbols + index * sizeof(ElfW(Sym));
    if (!readable(object, at, sizeof(ElfW(Sym)))) return 0;
    const ElfW(Sym) *symbol = (const ElfW(Sym) *)at;
    size_t size = strlen(name) + 1;
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_name >= in->strings_size || size > in->strings_size - symbol->st_name ||
        memcmp((const char *)in->strings + symbol->st_name, name, size) != 0) {
        return 0;
    }
    return object->bias + symbol->st_value;
}

/* The table: four words, a Bloom filter (not needed here), the first symbol of each bucket, and a hash a symbol whose lowest
 * bit ends a bucket. */
uintptr_t hak_object_symbol(const hak_object_t *object, const char *name) {
    symbols_t in;
    if (!symbols_of(object, &in) || !readable(object, in.hash, 4 * sizeof(uint32_t))) return 0;
    const uint32_t *table = (const uint32_t *)in.hash;
    uint32_t buckets = table[0], first = table[1], hash = 5381;
    for (const char *at = name; *at != '\0'; at++) hash = hash * 33 + (unsigned char)*at;
    uintptr_t bucket = in.hash + 4 * sizeof(uint32_t) + table[2] * sizeof(uintptr_t);
    uintptr_t chain = bucket + buckets * sizeof(uint32_t);
    if (buckets == 0 || !readable(object, bucket, buckets * sizeof(uint32_t))) return 0;
    uint32_t index = ((const uint32_t *)bucket)[hash % buckets];
    for (; index >= first; index++) {
        uintptr_t at = chain + (size_t)(index - first) * sizeof(uint32_t);
        if (!readable(object, at, sizeof(uint32_t))) return 0;
        uint32_t other = *(const uint32_t *)at;
        uintptr_t address = (other | 1) == (hash | 1) ? defined(object, &in, index, name) : 0;
        if (address != 0 || (other & 1) != 0) return address;
    }
    return 0;
}
