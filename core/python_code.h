/* python_code.h -- what stays of a Python code object when it is gone: its file, its qualified name and its lines.
 * May use: base, bits, atomic, os, depot, object, python_layout.
 * A code object is read once and then known by its address and a fingerprint of what it holds, since
 * another may lie there later. */
#ifndef HAK_PYTHON_CODE_H
#define HAK_PYTHON_CODE_H

#include "python_layout.h"

/* Numbers in the depot. */
enum { HAK_DEPOT_TEXT = 2, HAK_DEPOT_LINES = 3, HAK_DEPOT_CODE = 4 };
/* The number of code that could not be read or kept. */
enum { HAK_PYTHON_CODE_UNKNOWN = 1 };

/* Reads the code object at `code`; 0 if that is none. Otherwise why_not, if it is not NULL, gets what was unexpected in it.
 * careful: every read may fail, and is one of the kernel's; a layout that was tried and a frame that runs need none. */
uint32_t hak_python_code_keep(const hak_python_layout_t *layout, uintptr_t code, bool careful, const char **why_not);
const char *hak_python_code_file(uint32_t number);
const char *hak_python_code_function(uint32_t number);
/* The line of the instruction at `offset` (in units of two bytes); 0 if it has none. */
uint32_t hak_python_code_line(uint32_t number, uint32_t offset);
/* Units of bytecode that a table of lines (co_linetable: Objects/locations.md of CPython) covers. */
uint64_t hak_python_lines_cover(const unsigned char *table, size_t size);

#endif
