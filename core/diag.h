/* diag.h -- one line on stderr, and the end of the process. Never allocates, never locks.
 * May use: base, bits.
 * Text is gathered in a fixed buffer and leaves in a single write(2), so that lines of several threads do not mix. */
#ifndef HAK_DIAG_H
#define HAK_DIAG_H

#include "base.h"

#define HAK_ERROR_ID(id, text, sentence) HAK_ERROR_##id,
typedef enum { HAK_ERRORS(HAK_ERROR_ID) HAK_ERROR_COUNT } hak_error_t;
#undef HAK_ERROR_ID

const char *hak_error_name(hak_error_t error);
/* What its record says, with places in braces; spec/errors.py. */
const char *hak_error_sentence(hak_error_t error);

typedef struct hak_line {
    char text[512];
    size_t length;
} hak_line_t;

void hak_line_text(hak_line_t *line, const char *text);
void hak_line_number(hak_line_t *line, uint64_t number);
void hak_line_pointer(hak_line_t *line, const void *pointer);
void hak_line_write(hak_line_t *line, int fd);

/* "hakmem: <text> <name>" as a warning; the process goes on. */
void hak_warn(const char *text, const char *name);
/* Names the error, the pointer and what was being done. */
void hak_tell(hak_error_t error, const void *pointer, const char *doing);
/* The same, then aborts. */
_Noreturn void hak_fatal(hak_error_t error, const void *pointer, const char *doing);
/* If set, called between the line and the end; debug flavour. */
extern void (*hak_fatal_told)(hak_error_t error, const void *pointer);
_Noreturn void hak_fatal_assertion(const char *condition, const char *file, int line);

#define HAK_ASSERT(condition) \
    do { \
        if (HAK_DEBUG && HAK_UNLIKELY(!(condition))) hak_fatal_assertion(#condition, __FILE__, __LINE__); \
    } while (0)

#endif
