#include "inspect.h"

#include "os.h"

hak_outline_t hak_inspect_outline(const hak_site_t *site) {
    const hak_record_t *record = site->record;
    uintptr_t start = (uintptr_t)site->start;
    hak_outline_t outline = {start, record->block, hak_record_end(record), start + site->size};
    if (HAK_UNLIKELY((record->flags & HAK_RECORD_PAGES) != 0)) {
        size_t page = hak_os_page_size();
        outline.from = hak_round_down(outline.block, page);
        outline.to = hak_round_up(outline.end, page);
    } else if (outline.block - outline.from > HAK_REDZONE_PAGE) {
        outline.from = outline.block - HAK_REDZONE_PAGE;
    }
    return outline;
}

void hak_inspect_fence(const hak_site_t *site) {
    hak_outline_t outline = hak_inspect_outline(site);
    hak_redzone_fill((void *)outline.from, outline.block - outline.from, HAK_BYTE_FENCE);
    hak_redzone_fill((void *)outline.end, outline.to - outline.end, HAK_BYTE_FENCE);
}

static bool found(hak_finding_t *finding, hak_error_t error, ptrdiff_t from, hak_damage_t damage) {
    if (HAK_LIKELY(damage.length == 0)) return false;
    finding->error = error;
    finding->offset = from + (ptrdiff_t)damage.first;
    finding->length = damage.length;
    return true;
}

static bool inside_changed(const hak_record_t *record, const char *inside, hak_finding_t *finding) {
    hak_damage_t damage = hak_redzone_damage(inside, hak_min(record->size, HAK_INSPECT_MAX), HAK_BYTE_FREED);
    return found(finding, HAK_ERROR_write_after_free, 0, damage);
}

bool hak_inspect_inside(const hak_site_t *site, hak_finding_t *finding) {
    if ((site->record->flags & HAK_RECORD_TOLD) != 0) return false;
    return inside_changed(site->record, (const char *)site->record->block, finding);
}

static inline bool inspect_outlined(const hak_site_t *site, hak_outline_t outline, const char *before, const char *inside,
                                    const char *after, hak_phase_t phase, hak_finding_t *finding) {
    const hak_record_t *record = site->record;
    if (HAK_UNLIKELY((record->flags & (HAK_RECORD_TOLD | HAK_RECORD_CLOSED)) != 0)) return false;
    size_t front = outline.block - outline.from, size = record->size;
    if (phase == HAK_PHASE_FREED && inside_changed(record, inside, finding)) return true;
    hak_error_t beyond = size == 0 ? HAK_ERROR_zero_size_write : HAK_ERROR_overrun;
    hak_damage_t damage = hak_redzone_damage(after, outline.to - outline.end, HAK_BYTE_FENCE);
    if (found(finding, beyond, (ptrdiff_t)size, damage)) return true;
    damage = hak_redzone_damage(before, front, HAK_BYTE_FENCE);
    return found(finding, HAK_ERROR_underrun, -(ptrdiff_t)front, damage);
}

bool hak_inspect(const hak_site_t *site, const char *before, const char *inside, const char *after, hak_phase_t phase,
                 hak_finding_t *finding) {
    return inspect_outlined(site, hak_inspect_outline(site), before, inside, after, phase, finding);
}

bool hak_inspect_here(const hak_site_t *site, hak_phase_t phase, hak_finding_t *finding) {
    hak_outline_t outline = hak_inspect_outline(site);
    const char *from = (const char *)outline.from, *inside = (const char *)outline.block, *after = (const char *)outline.end;
    return inspect_outlined(site, outline, from, inside, after, phase, finding);
}

/* A fence in front may be damaged by what ran over the end of the block before: then that one is told. */
static void blame_the_block_before(const hak_site_t *site, hak_finding_t *finding) {
    hak_site_t before;
    if (!hak_record_neighbour(site, -1, &before)) return;
    finding->neighbour = before.record;
    hak_outline_t outline = hak_inspect_outline(&before);
    bool open = (before.record->flags & (HAK_RECORD_CLOSED | HAK_RECORD_PAGES)) == 0;
    if (!open || outline.end - outline.from > before.size) return;
    size_t fence = outline.to - outline.end;
    hak_damage_t damage = hak_redzone_damage((const void *)outline.end, fence, HAK_BYTE_FENCE);
    if (damage.length == 0 || damage.first + damage.length != fence) return;
    finding->error = before.record->size == 0 ? HAK_ERROR_zero_size_write : HAK_ERROR_overrun;
    finding->neighbour = site->record;
    finding->record = before.record;
    finding->offset = (ptrdiff_t)(before.record->size + damage.first);
    finding->length += damage.length;
    before.record->flags |= HAK_RECORD_TOLD;
}

void hak_inspect_blame(const hak_site_t *site, hak_finding_t *finding) {
    hak_site_t behind;
    site->record->flags |= HAK_RECORD_TOLD;
    finding->record = site->record;
    if (finding->error == HAK_ERROR_underrun) blame_the_block_before(site, finding);
    else if (finding->error == HAK_ERROR_overrun && hak_record_neighbour(site, 1, &behind)) finding->neighbour = behind.record;
    finding->pointer = (const void *)finding->record->block;
}
