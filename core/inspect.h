/* inspect.h -- whether what surrounds a block, and what is in a freed one, is still as the checks left it.
 * May use: base, bits, diag, os, redzone, record, finding. */
#ifndef HAK_INSPECT_H
#define HAK_INSPECT_H

#include "finding.h"

/* What is filled, and looked at, of a block: a program that takes gigabytes and uses little of them stays small. */
#define HAK_INSPECT_MAX ((size_t)16 << 20)

/* [from, block) and [end, to) are a block's fences. */
typedef struct hak_outline {
    uintptr_t from, block, end, to;
} hak_outline_t;

hak_outline_t hak_inspect_outline(const hak_site_t *site);
void hak_inspect_fence(const hak_site_t *site);

/* Looks at a block in the given phase, live or freed, whose fences and inside are at these places, or are copied there. True,
 * with error, offset and length, if something wrote where it should not; what has been told, or is closed, is passed over. */
bool hak_inspect(const hak_site_t *site, const char *before, const char *inside, const char *after, hak_phase_t phase,
                 hak_finding_t *finding);
/* The same where it lies. */
bool hak_inspect_here(const hak_site_t *site, hak_phase_t phase, hak_finding_t *finding);
/* The inside of a freed block alone, where it lies. */
bool hak_inspect_inside(const hak_site_t *site, hak_finding_t *finding);
/* Completes a finding by who did it, as far as one can tell; its damage will be passed over from now on. */
void hak_inspect_blame(const hak_site_t *site, hak_finding_t *finding);

#endif
