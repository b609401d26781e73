#include "cfi.h"

#include <string.h>

#include "bits.h"

/* DWARF's numbers of registers on x86-64 (System V ABI, figure 3.36). */
enum { REGISTER_FP = 6, REGISTER_SP = 7, REGISTER_RETURN = 16 };
enum { REMEMBERED_MAX = 8, STEPS_MAX = 4096 };

/* Encodings of pointers: DW_EH_PE_*, the format in the low bits and what it is relative to above. */
enum { FORMAT = 0x0f, RELATION = 0x70, ABSOLUTE = 0x00, RELATIVE = 0x10, INDIRECT = 0x80, OMITTED = 0xff };
enum { SORTED_TABLE = 0x3b }; /* 4 bytes, signed, relative to the header: what every linker writes */

/* A place in the tables that cannot be read past. A read that would fails, as do all after it. */
typedef struct reader {
    uintptr_t at, end;
    bool failed;
} reader_t;

static reader_t reader_at(const hak_object_t *object, uintptr_t address) {
    uintptr_t end = hak_object_readable_end(object, address);
    return (reader_t){address, end, end == 0};
}

static void reader_skip(reader_t *in, uint64_t size) {
    if (in->failed || size > in->end - in->at) in->failed = true;
    else in->at += size;
}

static uint64_t read_number(reader_t *in, size_t size) {
    uint64_t value = 0;
    uintptr_t at = in->at;
    reader_skip(in, size);
    for (size_t i = 0; !in->failed && i < size; i++) value |= (uint64_t)((const unsigned char *)at)[i] << (8 * i);
    return value;
}

static int64_t read_signed(reader_t *in, size_t size) {
    unsigned unused = 64 - 8 * (unsigned)size;
    return (int64_t)(read_number(in, size) << unused) >> unused;
}

static uint64_t read_leb(reader_t *in, bool is_signed) {
    uint64_t value = 0, byte = 0x80;
    unsigned shift = 0;
    while ((byte & 0x80) != 0 && !in->failed) {
        byte = read_number(in, 1);
        if (shift < 64) value |= (byte & 0x7f) << shift;
        shift += 7;
    }
    if (is_signed && shift < 64 && (byte & 0x40) != 0) value |= ~(uint64_t)0 << shift;
    return value;
}

/* A pointer as its encoding says; `relative`: to the place where it stands, if so encoded. */
static uintptr_t read_pointer(reader_t *in, unsigned encoding, bool relative) {
    static const unsigned char sizes[16] = {8, 0, 2, 4, 8, 0, 0, 0, 8, 0, 2, 4, 8, 0, 0, 0};
    uintptr_t place = in->at, value;
    unsigned format = encoding & FORMAT;
    if (format == 1 || format == 9) {
        value = read_leb(in, format == 9);
    } else if (sizes[format] == 0) {
        in->failed = true;
        return 0;
    } else {
        value = format >= 8 ? (uintptr_t)read_signed(in, sizes[format]) : read_number(in, sizes[format]);
    }
    if (!relative || (encoding & RELATION) == ABSOLUTE) return value;
    if ((encoding & RELATION) != RELATIVE || (encoding & INDIRECT) != 0) in->failed = true;
    return place + value;
}

/* What the entry common to several functions (CIE) says. */
typedef struct common {
    uint64_t code_unit;
    int64_t data_unit;
    unsigned pointers; /* encoding of the functions' addresses */
    bool has_sizes, signal;
    reader_t program;
} common_t;

/* An entry's contents, after its length; in.failed if there is none. */
static reader_t open_entry(const hak_object_t *object, uintptr_t address) {
    reader_t in = reader_at(object, address);
    uint64_t length = read_number(&in, 4);
    if (length == 0 || length == UINT32_MAX || length > in.end - in.at) in.failed = true;
    else in.end = in.at + length;
    return in;
}

static void read_augmentation(common_t *common, reader_t *letters, reader_t *in) {
    uint64_t letter = read_number(letters, 1);
    if (letter == 0) return;
    common->has_sizes = letter == 'z';
    if (!common->has_sizes) in->failed = true;
    reader_t data = *in;
    uint64_t size = read_leb(&data, false);
    *in = data;
    reader_skip(in, size);
    while ((letter = read_number(letters, 1)) != 0 && !letters->failed) {
        if (letter == 'R') common->pointers = (unsigned)read_number(&data, 1);
        else if (letter == 'P') read_pointer(&data, (unsigned)read_number(&data, 1) & FORMAT, false);
        else if (letter == 'L') read_number(&data, 1);
        else if (letter == 'S') common->signal = true;
        else if (letter != 'B') in->failed = true;
    }
    if (letters->failed || data.failed) in->failed = true;
}

static bool read_common(const hak_object_t *object, uintptr_t address, common_t *common) {
    *common = (common_t){.pointers = ABSOLUTE};
    reader_t in = open_entry(object, address);
    if (read_number(&in, 4) != 0) return false;
    uint64_t version = read_number(&in, 1);
    if (version != 1 && version != 3) return false;
    reader_t letters = in;
    while (read_number(&in, 1) != 0) {
    }
    common->code_unit = read_leb(&in, false);
    common->data_unit = (int64_t)read_leb(&in, true);
    uint64_t return_register = version == 1 ? read_number(&in, 1) : read_leb(&in, false);
    if (return_register != REGISTER_RETURN) return false;
    read_augmentation(common, &letters, &in);
    common->program = in;
    return !in.failed;
}

/* The entry of the last function that starts at or before `pc`, by the sorted table; 0 if there is none. */
static uintptr_t entry_for(const hak_object_t *object, uintptr_t pc) {
    uintptr_t header = object->unwind_header;
    reader_t in = reader_at(object, header);
    uint64_t version = read_number(&in, 1), frames = read_number(&in, 1), counts = read_number(&in, 1), table = read_number(&in, 1);
    if (in.failed || version != 1 || table != SORTED_TABLE || frames == OMITTED || counts == OMITTED) return 0;
    read_pointer(&in, (unsigned)frames & FORMAT, false);
    uint64_t count = read_pointer(&in, (unsigned)counts & FORMAT, false);
    if (in.failed || count > (in.end - in.at) / 8) return 0;
    uint64_t low = 0, high = count; /* entries below low start at or before pc, from high on after it */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        reader_t row = {in.at + middle * 8, in.end, false};
        if (header + (uintptr_t)read_signed(&row, 4) <= pc) low = middle + 1;
        else high = middle;
    }
    if (low == 0) return 0;
    reader_t row = {in.at + (low - 1) * 8 + 4, in.end, false};
    return header + (uintptr_t)read_signed(&row, 4);
}

/* A row of the table while its program runs. */
typedef struct row {
    uint64_t cfa_register;
    int64_t cfa, fp;
    hak_cfa_t cfa_is; /* HAK_CFA_SP stands for any register */
    hak_fp_t fp_is;
    bool return_lost, return_elsewhere;
} row_t;

typedef struct machine {
    const common_t *common;
    uintptr_t pc, location;
    row_t row, initial, remembered[REMEMBERED_MAX];
    size_t remembered_count;
    bool failed;
} machine_t;

enum { OP_DEREF = 0x06, OP_BREG = 0x70, OP_LIT = 0x30 };

/* `reg + offset`, maybe followed by "the word there". */
static bool is_register_based(reader_t in, uint64_t *reg, int64_t *offset, bool *deref) {
    uint64_t op = read_number(&in, 1);
    *reg = op - OP_BREG;
    *offset = (int64_t)read_leb(&in, true);
    *deref = in.at < in.end;
    return !in.failed && op >= OP_BREG && op < OP_BREG + 32 && (!*deref || (read_number(&in, 1) == OP_DEREF && in.at == in.end));
}

/* The linkers' expression for procedure linkage tables: sp + 8, and 8 more from the n-th byte of a slot of 16 on. */
static bool is_linkage(reader_t in, uint64_t *n) {
    static const unsigned char text[] = {0x77, 8, 0x80, 0, 0x3f, 0x1a, 0, 0x2a, 0x33, 0x24, 0x22};
    if (in.end - in.at != sizeof text) return false;
    for (size_t i = 0; i < sizeof text; i++) {
        uint64_t byte = read_number(&in, 1);
        if (text[i] != 0 && byte != text[i]) return false;
        if (i == 6) *n = byte - OP_LIT;
    }
    return true;
}

static reader_t read_expression(reader_t *in) {
    uint64_t size = read_leb(in, false);
    reader_t text = {in->at, in->at, in->failed};
    reader_skip(in, size);
    text.end = in->failed ? text.at : in->at;
    return text;
}

static void cfa_expression(machine_t *machine, reader_t text) {
    row_t *row = &machine->row;
    uint64_t n = 0;
    bool deref = false;
    row->cfa_is = HAK_CFA_UNKNOWN;
    if (is_linkage(text, &n)) {
        row->cfa_is = HAK_CFA_SP;
        row->cfa_register = REGISTER_SP;
        row->cfa = machine->pc % 16 >= n ? 16 : 8;
    } else if (is_register_based(text, &row->cfa_register, &row->cfa, &deref)) {
        row->cfa_is = deref ? HAK_CFA_AT_SP : HAK_CFA_SP;
    }
}

/* Register `reg` is saved at the CFA plus `offset`. */
static void row_saved(row_t *row, uint64_t reg, int64_t offset) {
    if (reg == REGISTER_FP) {
        row->fp_is = HAK_FP_AT_CFA;
        row->fp = offset;
    } else if (reg == REGISTER_RETURN) {
        row->return_elsewhere = offset != -8;
        row->return_lost = false;
    }
}

static void row_lost(row_t *row, uint64_t reg, bool undefined) {
    if (reg == REGISTER_FP) row->fp_is = HAK_FP_LOST;
    if (reg == REGISTER_RETURN && undefined) row->return_lost = true;
    else if (reg == REGISTER_RETURN) row->return_elsewhere = true;
}

static void saved_by_expression(row_t *row, uint64_t reg, reader_t text) {
    uint64_t base;
    int64_t offset;
    bool deref;
    row_lost(row, reg, false);
    if (reg != REGISTER_FP || !is_register_based(text, &base, &offset, &deref) || base != REGISTER_FP || deref) return;
    row->fp_is = HAK_FP_AT_FP;
    row->fp = offset;
}

static void row_restore(machine_t *machine, uint64_t reg) {
    if (reg == REGISTER_FP) {
        machine->row.fp_is = machine->initial.fp_is;
        machine->row.fp = machine->initial.fp;
    } else if (reg == REGISTER_RETURN) {
        machine->row.return_lost = machine->initial.return_lost;
        machine->row.return_elsewhere = machine->initial.return_elsewhere;
    }
}

static void remember(machine_t *machine) {
    if (machine->remembered_count == REMEMBERED_MAX) machine->failed = true;
    else machine->remembered[machine->remembered_count++] = machine->row;
}

static void recall(machine_t *machine) {
    if (machine->remembered_count == 0) machine->failed = true;
    else machine->row = machine->remembered[--machine->remembered_count];
}

static void define_cfa(row_t *row, uint64_t reg, int64_t offset) {
    row->cfa_is = HAK_CFA_SP;
    row->cfa_register = reg;
    row->cfa = offset;
}

static int64_t factored(const machine_t *machine, uint64_t value) {
    return (int64_t)((uint64_t)machine->common->data_unit * value);
}

/* The instructions that have no operand in their first byte; DW_CFA_*. */
static void execute_extended(machine_t *machine, unsigned code, reader_t *in) {
    row_t *row = &machine->row;
    uint64_t reg = 0;
    bool names_register = (code >= 0x05 && code <= 0x09) || code == 0x0c || code == 0x0d || (code >= 0x10 && code <= 0x16 && code != 0x13) || code == 0x2f;
    if (names_register) reg = read_leb(in, false);
    switch (code) {
    case 0x00: return; /* nop */
    case 0x01: machine->location = read_pointer(in, machine->common->pointers, true); return; /* set_loc */
    case 0x02: machine->location += read_number(in, 1) * machine->common->code_unit; return;  /* advance_loc1, 2, 4 */
    case 0x03: machine->location += read_number(in, 2) * machine->common->code_unit; return;
    case 0x04: machine->location += read_number(in, 4) * machine->common->code_unit; return;
    case 0x05: row_saved(row, reg, factored(machine, read_leb(in, false))); return; /* offset_extended */
    case 0x06: row_restore(machine, reg); return;                             /* restore_extended */
    case 0x07: row_lost(row, reg, true); return;                              /* undefined */
    case 0x08: if (reg == REGISTER_FP) row->fp_is = HAK_FP_SAME; return;   /* same_value */
    case 0x09: read_leb(in, false); row_lost(row, reg, false); return;             /* register */
    case 0x0a: remember(machine); return;
    case 0x0b: recall(machine); return;
    case 0x0c: define_cfa(row, reg, (int64_t)read_leb(in, false)); return;                /* def_cfa */
    case 0x0d: define_cfa(row, reg, row->cfa); return;                               /* def_cfa_register */
    case 0x0e: define_cfa(row, row->cfa_register, (int64_t)read_leb(in, false)); return;  /* def_cfa_offset */
    case 0x0f: cfa_expression(machine, read_expression(in)); return;                      /* def_cfa_expression */
    case 0x10: saved_by_expression(row, reg, read_expression(in)); return;                /* expression */
    case 0x11: row_saved(row, reg, factored(machine, read_leb(in, true))); return;            /* offset_extended_sf */
    case 0x12: define_cfa(row, reg, factored(machine, read_leb(in, true))); return;       /* def_cfa_sf */
    case 0x13: define_cfa(row, row->cfa_register, factored(machine, read_leb(in, true))); return; /* def_cfa_offset_sf */
    case 0x14: read_leb(in, false); row_lost(row, reg, false); return;                        /* val_offset */
    case 0x15: read_leb(in, true); row_lost(row, reg, false); return;                         /* val_offset_sf */
    case 0x16: read_expression(in); row_lost(row, reg, false); return;                        /* val_expression */
    case 0x2e: read_leb(in, false); return;                                               /* GNU_args_size */
    case 0x2f: row_saved(row, reg, factored(machine, 0 - read_leb(in, false))); return;          /* GNU_negative_offset_extended */
    default: machine->failed = true; return;
    }
}

/* Runs a program up to the row that holds for machine->pc. */
static void execute(machine_t *machine, reader_t in) {
    for (size_t step = 0; in.at < in.end && !in.failed && !machine->failed; step++) {
        unsigned byte = (unsigned)read_number(&in, 1), low = byte & 0x3f;
        if (byte >> 6 == 1) machine->location += low * machine->common->code_unit;                             /* advance_loc */
        else if (byte >> 6 == 2) row_saved(&machine->row, low, factored(machine, read_leb(&in, false))); /* offset */
        else if (byte >> 6 == 3) row_restore(machine, low);
        else execute_extended(machine, low, &in);
        if (machine->location > machine->pc) return;
        if (step == STEPS_MAX) machine->failed = true;
    }
    if (in.failed) machine->failed = true;
}

static hak_rule_t rule_of(const row_t *row) {
    hak_rule_t rule = {HAK_CFA_UNKNOWN, row->fp_is, (int32_t)row->cfa, (int32_t)row->fp};
    if (row->return_lost) return (hak_rule_t){.cfa_is = HAK_CFA_END};
    if (row->cfa_is == HAK_CFA_UNKNOWN || row->return_elsewhere || row->cfa != rule.cfa || row->fp != rule.fp) return rule;
    bool plain = row->cfa_is == HAK_CFA_SP;
    if (row->cfa_register == REGISTER_SP) rule.cfa_is = plain ? HAK_CFA_SP : HAK_CFA_AT_SP;
    if (row->cfa_register == REGISTER_FP) rule.cfa_is = plain ? HAK_CFA_FP : HAK_CFA_AT_FP;
    return rule;
}

hak_rule_t hak_cfi_rule(const hak_object_t *object, uintptr_t pc) {
    static const hak_rule_t unknown = {.cfa_is = HAK_CFA_UNKNOWN};
    uintptr_t address = object->unwind_header != 0 ? entry_for(object, pc) : 0;
    if (address == 0) return unknown;
    reader_t in = open_entry(object, address);
    uintptr_t place = in.at;
    common_t common;
    if (!read_common(object, place - read_number(&in, 4), &common) || in.failed) return unknown;
    uintptr_t start = read_pointer(&in, common.pointers, true), size = read_pointer(&in, common.pointers & FORMAT, false);
    if (common.has_sizes) reader_skip(&in, read_leb(&in, false));
    if (in.failed || pc < start || pc - start >= size) return unknown;
    if (common.signal) return (hak_rule_t){.cfa_is = HAK_CFA_SIGNAL};
    machine_t machine = {.common = &common, .pc = pc, .location = start};
    execute(&machine, common.program);
    machine.initial = machine.row;
    machine.location = start;
    execute(&machine, in);
    return machine.failed ? unknown : rule_of(&machine.row);
}
