/*
 * decode.c: arm C and K2, attention over the roof. What fraction of the memory's bandwidth does a
 * decode step reach, contiguous and through block tables? And what else decides its time:
 * prefetching, how the same bytes are cut into sequences, query heads per KV head, splits?
 */
#include <stdio.h>

#include "kernels/threads/threads.h"
#include "labs/04-paged-kv-residency/timed.h"

#define HEADS 8
#define TOKENS 8192

/* Far beyond any cache: a GPU's step over less would be little more than its launch. */
static size_t large_bytes(const struct memories *memories) {
    size_t bytes = lab_mode(memories->run) == LAB_QUICK ? 512 * MIB : 1024 * MIB;
    return memories_fitting(memories, on_gpu(memories->device) ? 2048 * MIB : bytes);
}

static size_t middle_bytes(const struct memories *memories) {
    size_t bytes = lab_mode(memories->run) == LAB_QUICK ? 128 * MIB : 256 * MIB;
    return memories_fitting(memories, on_gpu(memories->device) ? 1024 * MIB : bytes);
}

/* `bytes` in sequences of `tokens`; memory NULL after lab_error(). */
static struct shape shape_of(struct memories *memories, enum element element, size_t bytes,
                             size_t tokens) {
    return (struct shape){.memories = memories,
                          .memory = memories_huge(memories, element, bytes),
                          .kv_heads = HEADS,
                          .sequences = (unsigned)(bytes / token_bytes(element, HEADS) / tokens),
                          .tokens = (unsigned)tokens,
                          .arm = ""};
}

/* NULL: nothing to do, or lab_error(); see contest_skipped. */
static struct contest *open_contest(struct memories *memories, const char *what,
                                    const char *element, size_t bytes) {
    struct contest *c = contest_open(memories->run, memories->device, "04/decode/%s%s%s/kv=%zuMiB",
                                     what, *element ? "/" : "", element, bytes / MIB);
    if (c)
        *contest_limits(c) = mode_limits(memories->run);
    return c;
}

static int readers(struct contest *c, struct memories *memories, size_t bytes) {
    struct roofs_memory *source = memories_source(memories, bytes);
    return source ? contest_readers(c, source, bytes) : -1;
}

/* --- over the roof -----------------------------------------------------------------------------
 */

static int sweep_roof(struct memories *memories, enum element element) {
    static const int maps[] = {MAP_SLAB, KV_MAP_IDENTITY, KV_MAP_PERMUTED};
    static const enum paged_op ops[] = {PAGED_GATHER, PAGED_ATTENTION};
    size_t bytes = large_bytes(memories);
    struct contest *c = open_contest(memories, "roof", element_word(element), bytes);
    if (!c)
        return contest_skipped(memories->run);
    struct shape s = shape_of(memories, element, bytes, TOKENS);
    struct entrant *e[2][3];
    if (!s.memory || readers(c, memories, bytes) != 0)
        return contest_drop(c);
    for (size_t op = 0; op < 2; op++)
        for (size_t m = 0; m < 3; m++) {
            e[op][m] = enter_map(c, &s, plan_of(ops[op], PAGED_TABLE, element), maps[m], NULL);
            if (!e[op][m])
                return contest_drop(c);
            entrant_roof(e[op][m]);
            entrant_over(e[op][m], m > 0 ? e[op][0] : NULL, "over slab");
            entrant_over(e[op][m], m == 2 ? e[op][1] : NULL, "over identity");
            entrant_over(e[op][m], op == 1 ? e[0][m] : NULL, "over gather");
        }
    return contest_end(c);
}

/* --- prefetching (CPU) -------------------------------------------------------------------------
 */

static int sweep_prefetch(struct memories *memories) {
    static const int maps[] = {MAP_SLAB, KV_MAP_PERMUTED};
    size_t bytes = middle_bytes(memories);
    if (on_gpu(memories->device))
        return 0;
    struct contest *c = open_contest(memories, "prefetch", "", bytes);
    if (!c)
        return contest_skipped(memories->run);
    struct shape s = shape_of(memories, ELEMENT_F32, bytes, TOKENS);
    if (!s.memory || readers(c, memories, bytes) != 0)
        return contest_drop(c);
    for (int k = 0; k < 2 * PAGED_PREFETCH_COUNT; k++) {
        const struct paged_step like = {.prefetch = (enum paged_prefetch)(k / 2)};
        s.arm = paged_prefetch_name(like.prefetch);
        struct entrant *e = enter_map(c, &s, plan_of(PAGED_ATTENTION, PAGED_TABLE, ELEMENT_F32),
                                      maps[k % 2], &like);
        if (!e)
            return contest_drop(c);
        entrant_roof(e);
    }
    return contest_end(c);
}

/* --- the same bytes as few long or many short sequences ----------------------------------------
 */

static int sweep_shapes(struct memories *memories) {
    const struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_TABLE, ELEMENT_F32);
    size_t bytes = middle_bytes(memories), tokens = bytes / token_bytes(ELEMENT_F32, HEADS);
    struct contest *c = open_contest(memories, "shape", "", bytes);
    if (!c)
        return contest_skipped(memories->run);
    struct shape s = shape_of(memories, ELEMENT_F32, bytes, TOKENS);
    if (!s.memory || readers(c, memories, bytes) != 0)
        return contest_drop(c);
    for (size_t context = 128; context <= tokens; context *= 4) {
        s.sequences = (unsigned)(tokens / context);
        s.tokens = (unsigned)context;
        struct entrant *slab = enter_map(c, &s, plan, MAP_SLAB, NULL);
        struct entrant *permuted = slab ? enter_map(c, &s, plan, KV_MAP_PERMUTED, NULL) : NULL;
        if (!permuted)
            return contest_drop(c);
        entrant_roof(slab);
        entrant_roof(permuted);
        entrant_over(permuted, slab, "over slab");
    }
    return contest_end(c);
}

/* --- more arithmetic on the same bytes ---------------------------------------------------------
 */

/* In cache: 128 KiB of keys, and as many of values, for each of two cores; a GPU's L2 holds some
 * 16 MiB. Sequences of one tile, so that all processors have work. */
static size_t hot_bytes(const struct device *device) {
    return on_gpu(device) ? 16 * MIB : MIB / 2;
}

static int sweep_groups(struct memories *memories, enum element element) {
    static const int groups[] = {1, 2, 4, 8};
    size_t bytes = middle_bytes(memories);
    struct contest *c = open_contest(memories, "group", element_word(element), bytes);
    if (!c)
        return contest_skipped(memories->run);
    contest_limits(c)->max_samples *= 2; /* short samples: more of them can settle it */
    struct shape cold = shape_of(memories, element, bytes, TOKENS);
    if (!cold.memory)
        return contest_drop(c);
    struct shape hot = shape_of(memories, element, hot_bytes(memories->device), PAGED_TILE);
    struct entrant *gather =
        enter_map(c, &cold, plan_of(PAGED_GATHER, PAGED_SLAB, element), MAP_SLAB, NULL);
    cold.arm = "in-memory";
    hot.arm = "in-cache";
    for (size_t k = 0; k < sizeof groups / sizeof *groups; k++) {
        struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_SLAB, element);
        plan.group = groups[k];
        struct entrant *in_memory = gather ? enter_map(c, &cold, plan, MAP_SLAB, NULL) : NULL;
        struct entrant *in_cache = in_memory ? enter_map(c, &hot, plan, MAP_SLAB, NULL) : NULL;
        if (!in_cache)
            return contest_drop(c);
        case_param_real(entrant_case(in_memory), "flop per byte",
                        entrant_job(in_memory)->flops / entrant_job(in_memory)->bytes);
        case_param_real(entrant_case(in_cache), "flop per byte",
                        entrant_job(in_cache)->flops / entrant_job(in_cache)->bytes);
        entrant_over(in_memory, gather, "over gather");
        entrant_speed_over(in_memory, in_cache, "speed over in cache");
        /* One step before each sample: these are so short that waking the threads would count. */
        entrant_before(in_cache, entrant_job(in_cache), false);
    }
    return contest_end(c);
}

/* --- splits ------------------------------------------------------------------------------------
 */

static int sweep_splits(struct memories *memories) {
    static const int splits[] = {1, 2, 8, 32};
    size_t bytes = middle_bytes(memories), tokens = bytes / token_bytes(ELEMENT_F32, HEADS);
    struct contest *c = open_contest(memories, "splits", "", bytes);
    if (!c)
        return contest_skipped(memories->run);
    /* What the heuristic counts with: a GPU knows its own number. */
    struct paged_step like = {.processors = on_gpu(memories->device) ? 0 : pool_cpus()};
    struct shape s = shape_of(memories, ELEMENT_F32, bytes, TOKENS);
    if (!s.memory ||
        prefetch_measured(memories->run, memories->device, PAGED_ATTENTION, &like.prefetch) != 0)
        return contest_drop(c);
    for (size_t batch = 1; batch <= 16; batch *= 16) {
        struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_SLAB, ELEMENT_F32);
        struct entrant *one = NULL;
        s.sequences = (unsigned)batch;
        s.tokens = (unsigned)(tokens / batch);
        for (size_t k = 0; k < 5; k++) {
            plan.rule = k == 4 ? PAGED_HEURISTIC : PAGED_FIXED;
            plan.splits = k == 4 ? 32 : splits[k];
            struct entrant *e = enter_map(c, &s, plan, MAP_SLAB, &like);
            if (!e)
                return contest_drop(c);
            entrant_over(e, one, "over one split");
            one = k == 0 ? e : one;
        }
    }
    return contest_end(c);
}

int sweep_decode(struct lab_run *run, struct device *device) {
    struct memories memories = memories_open(run, device);
    int status = sweep_roof(&memories, ELEMENT_F32) != 0 ||
                         sweep_roof(&memories, ELEMENT_BF16) != 0 ||
                         sweep_prefetch(&memories) != 0 || sweep_shapes(&memories) != 0 ||
                         sweep_groups(&memories, ELEMENT_F32) != 0 ||
                         sweep_groups(&memories, ELEMENT_BF16) != 0 || sweep_splits(&memories) != 0
                     ? -1
                     : 0;
    memories_close(&memories);
    return status;
}

/* --- K2 ----------------------------------------------------------------------------------------
 *
 * A step waits for memory if it takes no longer than the gather of the same bytes (its arithmetic
 * costs no time of its own), and would be faster if memory were: it is, per byte, where the cache
 * holds them. Refuting result: with no number of queries per KV head are both so.
 */
/* Longer than the gather by more than this share is more than waiting for memory … */
#define AS_GATHER 1.15
/* … and faster in cache by less than this is no speed-up to speak of. */
#define AS_IN_CACHE (1 / 1.10)
/* Nothing is slower in cache than in memory. What seems so, beyond what handing a short step to the
 * threads takes, was disturbed. */
#define DISTURBED 1.25

static enum answer as_gather(const struct rows *rows, size_t k) {
    return answer_below(row_ratio(rows, k, "over gather"), AS_GATHER);
}

static enum answer faster_in_cache(const struct rows *rows, size_t k) {
    return answer_below(row_ratio(rows, k, "speed over in cache"), AS_IN_CACHE);
}

/* What a step waits for. "neither": it takes no longer than its gather, and cache does not help. */
static const char *bound_by(const struct rows *rows, size_t k) {
    enum answer gather = as_gather(rows, k), cache = faster_in_cache(rows, k);
    if (gather == ANSWER_OPEN || cache == ANSWER_OPEN)
        return "not settled";
    if (gather == ANSWER_HELD)
        return cache == ANSWER_HELD ? "memory" : "neither";
    return cache == ANSWER_HELD ? "both" : "arithmetic";
}

/* "f32: memory with 1 and 2, both with 4 and 8 queries per KV head". */
static void say_range(const struct rows *steps, size_t first, size_t count, struct finding *f) {
    finding_range(f, "%s%s:", first ? "; " : "", row_text(steps, first, "element"));
    for (size_t k = first; k < first + count; k++) {
        const char *bound = bound_by(steps, k);
        if (k > first && bound_by(steps, k - 1) == bound)
            finding_range(f, " and %.0f", row_number(steps, k, "group"));
        else
            finding_range(f, "%s %s with %.0f", k > first ? "," : "", bound,
                          row_number(steps, k, "group"));
    }
    finding_range(f, " queries per KV head");
}

void check_bound(const struct rows *rows, struct finding *f) {
    struct rows steps = rows_select(rows, "04/decode/group/", "op=attention;arm=in-memory");
    struct rows roofs = rows_select(rows, "04/decode/roof/", "op=attention");
    rows_sort(&steps, "element;group");
    for (size_t first = 0, count = 0; rows_group(&steps, "element", &first, &count);) {
        const char *element = row_text(&steps, first, "element");
        for (size_t k = first; k < first + count; k++) {
            struct ratio gather = row_ratio(&steps, k, "over gather");
            struct ratio cache = row_ratio(&steps, k, "speed over in cache");
            double queries = row_number(&steps, k, "group");
            finding_count(f, answer_both(as_gather(&steps, k), faster_in_cache(&steps, k)), &steps,
                          k);
            finding_control(f, answer_below(cache, DISTURBED),
                            "a step is no slower in cache than in memory");
            finding_number(f, "1", gather, "%s, %.0f queries per KV head: time over the gather's",
                           element, queries);
            finding_number(f, "1", ratio_inverse(cache), "%s, %.0f: speed in cache over in memory",
                           element, queries);
        }
        finding_say_part(
            f, 2, "%s%.8s: a step takes %.2f times its gather's time, %.2f times that in cache",
            first ? "; " : "", element, row_number(&steps, first, "over gather"),
            1 / row_number(&steps, first, "speed over in cache"));
        say_range(&steps, first, count, f);
    }
    for (size_t k = 0; k < roofs.count; k++)
        finding_number(f, "1", row_ratio(&roofs, k, "roof fraction"),
                       "%s, %s: part of the read roof", row_text(&roofs, k, "element"),
                       row_text(&roofs, k, "map"));
    finding_settle(f, SETTLE_ALL, "some numbers of queries");
    rows_free(&steps);
    rows_free(&roofs);
}
