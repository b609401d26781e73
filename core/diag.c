#include "diag.h"

#include <stdlib.h>
#include <unistd.h>

#include "bits.h"

#define HAK_ERROR_TEXT(id, text, sentence) text,
static const char *const hak_error_texts[HAK_ERROR_COUNT] = {HAK_ERRORS(HAK_ERROR_TEXT)};
#define HAK_ERROR_NAME(id, text, sentence) #id,
static const char *const hak_error_names[HAK_ERROR_COUNT] = {HAK_ERRORS(HAK_ERROR_NAME)};
#define HAK_ERROR_SENTENCE(id, text, sentence) sentence,
static const char *const hak_error_sentences[HAK_ERROR_COUNT] = {HAK_ERRORS(HAK_ERROR_SENTENCE)};

void (*hak_fatal_told)(hak_error_t error, const void *pointer);

const char *hak_error_name(hak_error_t error) { return hak_error_names[error]; }
const char *hak_error_sentence(hak_error_t error) { return hak_error_sentences[error]; }

void hak_line_text(hak_line_t *line, const char *text) {
    while (*text != '\0' && line->length < sizeof line->text - 1) line->text[line->length++] = *text++;
}

static void line_digits(hak_line_t *line, uint64_t number, unsigned base) {
    char digits[HAK_DIGITS];
    hak_line_text(line, hak_digits(digits, number, base));
}

void hak_line_number(hak_line_t *line, uint64_t number) { line_digits(line, number, 10); }

void hak_line_pointer(hak_line_t *line, const void *pointer) {
    hak_line_text(line, "0x");
    line_digits(line, (uintptr_t)pointer, 16);
}

void hak_line_write(hak_line_t *line, int fd) {
    line->text[line->length++] = '\n';
    size_t done = 0;
    while (done < line->length) {
        ssize_t n = write(fd, line->text + done, line->length - done);
        if (n <= 0) break;
        done += (size_t)n;
    }
    line->length = 0;
}

void hak_warn(const char *text, const char *name) {
    hak_line_t line = {.length = 0};
    hak_line_text(&line, "hakmem: ");
    hak_line_text(&line, text);
    if (name != NULL) {
        hak_line_text(&line, " ");
        hak_line_text(&line, name);
    }
    hak_line_write(&line, STDERR_FILENO);
}

HAK_COLD void hak_tell(hak_error_t error, const void *pointer, const char *doing) {
    hak_line_t line = {.length = 0};
    hak_line_text(&line, "hakmem: ");
    hak_line_text(&line, doing);
    hak_line_text(&line, "(");
    hak_line_pointer(&line, pointer);
    hak_line_text(&line, "): ");
    hak_line_text(&line, hak_error_texts[error]);
    hak_line_text(&line, " [");
    hak_line_text(&line, hak_error_names[error]);
    hak_line_text(&line, "]");
    hak_line_write(&line, STDERR_FILENO);
}

HAK_COLD _Noreturn void hak_fatal(hak_error_t error, const void *pointer, const char *doing) {
    hak_tell(error, pointer, doing);
    if (HAK_DEBUG && hak_fatal_told != NULL) hak_fatal_told(error, pointer);
    abort();
}

HAK_COLD _Noreturn void hak_fatal_assertion(const char *condition, const char *file, int line_number) {
    hak_line_t line = {.length = 0};
    hak_line_text(&line, "hakmem: assertion failed: ");
    hak_line_text(&line, condition);
    hak_line_text(&line, " at ");
    hak_line_text(&line, file);
    hak_line_text(&line, ":");
    hak_line_number(&line, (uint64_t)line_number);
    hak_line_write(&line, STDERR_FILENO);
    abort();
}
