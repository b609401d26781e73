#include "options.h"

#include <string.h>

#include "diag.h"
#include "os.h"

typedef enum { KIND_BOOL, KIND_INT, KIND_SIZE, KIND_CHOICE } setting_kind_t;

typedef struct setting {
    const char *env;
    setting_kind_t kind;
    uint64_t low, high;
    const char *choices; /* "a|b|c" for KIND_CHOICE */
    uint64_t *value;
} setting_t;

#define HAK_STANDARD(id, env, kind, standard, low, high, choices) .id = (standard),
hak_options_t hak_options = {HAK_SETTINGS(HAK_STANDARD)};

#define HAK_ROW(id, env, kind, standard, low, high, choices) {env, KIND_##kind, low, high, choices, &hak_options.id},
static const setting_t settings[] = {HAK_SETTINGS(HAK_ROW)};

static bool parse_choice(const char *text, const char *choices, uint64_t *value) {
    size_t length = strlen(text);
    for (uint64_t index = 0; choices != NULL; index++) {
        const char *bar = strchr(choices, '|');
        size_t n = bar != NULL ? (size_t)(bar - choices) : strlen(choices);
        if (n == length && strncmp(choices, text, n) == 0) {
            *value = index;
            return true;
        }
        choices = bar != NULL ? bar + 1 : NULL;
    }
    return false;
}

static bool parse_number(const char *text, bool suffix, uint64_t *value) {
    uint64_t n = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (n > (UINT64_MAX - 9) / 10) return false;
        n = n * 10 + (uint64_t)(*at - '0');
    }
    if (at == text) return false;
    if (suffix && *at != '\0') {
        const char *letters = "KMGT";
        const char *letter = strchr(letters, *at & ~0x20);
        if (letter == NULL || *letter == '\0' || n > UINT64_MAX >> (10 * (letter - letters + 1))) return false;
        n <<= 10 * (letter - letters + 1);
        at++;
    }
    *value = n;
    return *at == '\0';
}

static bool parse(const setting_t *setting, const char *text, uint64_t *value) {
    switch (setting->kind) {
    case KIND_CHOICE: return parse_choice(text, setting->choices, value);
    case KIND_SIZE: return parse_number(text, true, value);
    case KIND_BOOL: /* 0 or 1, by its range */
    case KIND_INT: return parse_number(text, false, value);
    }
    return false;
}

static bool is_named(const char *entry, size_t length, const char *name) {
    return strlen(name) == length && strncmp(entry, name, length) == 0;
}

static void read_entry(const char *entry, void *context) {
    (void)context;
    const char *equals = strchr(entry, '=');
    if (equals == NULL) return;
    size_t length = (size_t)(equals - entry);
#define HAK_PATH(id, env) \
    if (is_named(entry, length, env)) { \
        hak_options.id = equals + 1; \
        return; \
    }
    HAK_PATH_SETTINGS(HAK_PATH)
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (!is_named(entry, length, settings[i].env)) continue;
        uint64_t value = 0;
        if (parse(&settings[i], equals + 1, &value) && value >= settings[i].low && value <= settings[i].high) {
            *settings[i].value = value;
        } else {
            hak_warn("ignored: bad value in", entry);
        }
        return;
    }
    hak_warn("ignored: unknown setting", entry);
}

void hak_options_read(void) {
    if (!hak_os_secure()) hak_os_environment("HAKMEM_", read_entry, NULL);
}
