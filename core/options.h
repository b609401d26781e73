/* options.h -- the settings, read once from HAKMEM_* in the environment.
 * May use: base, diag, os.
 * Names, kinds, ranges and defaults come from the generated table; what is unknown or out of range is told in one line
 * and ignored. In a set-user-id process the environment is not read at all. */
#ifndef HAK_OPTIONS_H
#define HAK_OPTIONS_H

#include "base.h"

typedef struct hak_options {
#define HAK_FIELD(id, env, kind, standard, low, high, choices) uint64_t id;
    HAK_SETTINGS(HAK_FIELD)
#undef HAK_FIELD
#define HAK_FIELD(id, env) const char *id;
    HAK_PATH_SETTINGS(HAK_FIELD)
#undef HAK_FIELD
} hak_options_t;

extern hak_options_t hak_options;

void hak_options_read(void);
/* Are full checks asked for, which only the debug flavour has? */
static inline bool hak_options_check(void) { return HAK_DEBUG && hak_options.check_file != NULL && *hak_options.check_file != '\0'; }

#endif
