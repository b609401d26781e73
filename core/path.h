/* path.h -- the steps from a caller of malloc up to a frame of the trail, kept for the next call from there.
 * May use: base, bits, os, reach, hash, trail.
 * The trail knows one way through a thread's stack, the last; callers of malloc take turns. So each caller's own part of the way
 * is kept too, up to the frame at which it joins the trail. It is proven as the trail is: from the same pc and stack pointer
 * the same rules read the same words, and these are compared. A walk that finds its path so looks no rule up, and
 * leaves the trail as it is. What trail.h says of code that was unloaded holds here for longer: a path stays until another takes
 * its place. */
#ifndef HAK_PATH_H
#define HAK_PATH_H

#include "bits.h"
#include "hash.h"
#include "os.h"
#include "reach.h"
#include "trail.h"

/* Does the step from `from`, which is no mark, still lead to `to`? It was a common one: it went up, and the words that it read lie
 * between the two frames. */
static inline bool hak_step_leads(const hak_trail_step_t *from, const hak_trail_step_t *to) {
    if (hak_reach_word(to->sp - sizeof to->pc) != to->pc) return false;
    if (HAK_LIKELY(!hak_trail_needs_fp(to))) return true;
    uintptr_t fp_at = hak_trail_fp_at(from);
    return fp_at == 0 || hak_reach_word(fp_at) == to->fp;
}

/* The first of HAK_PATH_WAYS in which a path from there may be. */
static inline hak_path_t *hak_path_ways(hak_trail_t *trail, uintptr_t pc, uintptr_t sp) {
    return &trail->paths[((pc + sp) * 0x9e3779b97f4a7c15u >> 32) % (HAK_PATHS / HAK_PATH_WAYS) * HAK_PATH_WAYS];
}

/* Writes the frames from `here` on to pcs, at most `max`, and their hash. 0: the path does not lead there. */
static inline size_t hak_path_follow(const hak_trail_t *trail, const hak_path_t *path, hak_registers_t here,
                                     const hak_reach_t *reach, uintptr_t *pcs, size_t max, uint64_t *hash) {
    const hak_trail_step_t *step = path->steps, *last = step + path->count - 1;
    if (path->count == 0 || !hak_trail_is_at(step, here.pc, here.sp, here.fp)) return 0;
    if (here.sp < reach->own.low || path->count > max || path->joint >= trail->count || path->joint < trail->end) return 0;
    const hak_trail_step_t *joint = &trail->steps[path->joint];
    if (!hak_trail_is_at(joint, last->pc, last->sp, last->fp) || joint->fp_at != last->fp_at) return 0;
    uintptr_t *to = pcs, *end = pcs + hak_min(max, path->count + (size_t)(path->joint - trail->end));
    *to++ = step->pc;
    for (; step < last; step++) {
        if (!hak_step_leads(step, step + 1)) return 0;
        *to++ = step[1].pc;
    }
    for (step = joint; to < end; step--) {
        if (!hak_step_leads(step, step - 1)) return 0;
        *to++ = step[-1].pc;
    }
    size_t count = (size_t)(to - pcs);
    size_t above = path->count - 1, shared = count - above;
    uint64_t sum = hak_hash_between(trail->sums[path->joint + 1 - shared], trail->sums[path->joint + 1], shared);
    *hash = hak_hash_join(sum, path->sum, above);
    return count == max || hak_trail_fp_at(step) == HAK_TRAIL_BOTTOM ? count : 0;
}

/* A walk from a caller of malloc has put its steps on top of the trail's, of which that at `joint` was there before. */
static inline void hak_path_keep(hak_trail_t *trail, size_t joint) {
    size_t count = trail->count - joint;
    if (count > HAK_PATH_STEPS || joint < trail->end) return;
    const hak_trail_step_t *top = &trail->steps[trail->count - 1];
    hak_path_t *path = hak_path_ways(trail, top->pc, top->sp) + trail->next_way++ % HAK_PATH_WAYS;
    path->count = (uint32_t)count;
    path->joint = (uint32_t)joint;
    path->sum = hak_hash_between(trail->sums[joint + 1], trail->sums[trail->count], count - 1);
    for (size_t i = 0; i < count; i++) path->steps[i] = *top--;
}

#endif
