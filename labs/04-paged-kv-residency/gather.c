/*
 * gather.c: arm B and K4, the same bytes through different maps, with no arithmetic in the way:
 * what scatter costs over a contiguous read of the same bytes in the same rounds. The axes are the
 * map, the block's contiguous bytes, the layout, the size of the pool, the page size behind it, and
 * whether the caches are cold. The walk of the block table alone is the control of what following
 * the table costs by itself.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/04-paged-kv-residency/timed.h"

/* All heads of a model's layer in float: a block of 16 tokens is 64 KiB of keys. Or the one head
 * that a rank of eight holds, in bfloat16: 4 KiB. */
struct width {
    const char *name;
    enum element element;
    unsigned heads;
};
static const struct width widths[] = {{"wide", ELEMENT_F32, 8}, {"narrow", ELEMENT_BF16, 1}};

/* --- entering, for all that compare maps ---------------------------------------------------------
 */

/* Decode steps that turn a pool over some ten times. */
#define CHURN_STEPS 4000

size_t token_bytes(enum element element, unsigned kv_heads) {
    const struct paged_plan plan = plan_of(PAGED_GATHER, PAGED_TABLE, element);
    const struct paged_shape shape = {.kv_heads = kv_heads};
    return 2 * paged_token_bytes(&plan, &shape);
}

static const char *map_name(int map) {
    return map == MAP_SLAB      ? "slab"
           : map == MAP_CHURNED ? "churned"
                                : kv_map_name((enum kv_map)map);
}

/* The table gives a slab's sequences and lengths, too; its ids are not read. */
static int open_table(struct kv_table *table, const struct shape *s, const struct paged_plan *plan,
                      int map) {
    uint64_t seed = lab_seed(s->memories->run);
    unsigned block = (unsigned)plan->block,
             blocks = s->sequences * ((s->tokens + block - 1) / block);
    if (map != MAP_CHURNED)
        return map_equal(table, plan, s->kv_heads, s->sequences, s->tokens,
                         map == MAP_SLAB ? 0 : s->pool_blocks,
                         map == MAP_SLAB ? KV_MAP_IDENTITY : (enum kv_map)map, seed);
    const struct aged_map how = {.workload = kv_churn_default(s->pool_blocks, block, seed),
                                 .steps = CHURN_STEPS,
                                 .sequences = s->sequences,
                                 .prompt = s->tokens / 2,
                                 .tokens = s->tokens,
                                 .free_blocks = s->pool_blocks - blocks};
    return map_aged(table, &how);
}

struct entrant *enter_map(struct contest *c, const struct shape *s, struct paged_plan plan, int map,
                          const struct paged_step *like) {
    struct lab_run *run = s->memories->run;
    struct kv_table table;
    struct paged_step step;
    struct entrant *e = NULL;
    if (map == MAP_SLAB) {
        plan.mapping = PAGED_SLAB;
        plan.block = 1;
    }
    if (open_table(&table, s, &plan, map) != 0) {
        lab_error(run, "%s: %s", map_name(map), device_error());
        return NULL;
    }
    int status = like ? 0 : step_of(run, s->memory->device, &plan, s->kv_heads, &table, &step);
    if (like) {
        step = paged_step_of(&plan, s->kv_heads, &table);
        step.seed = lab_seed(run);
        step.prefetch = like->prefetch;
        step.processors = like->processors;
    }
    if (status == 0)
        e = enter_step(run, c, s->memory, &step, map_name(map), s->arm);
    kv_table_close(&table);
    if (e) /* where a plot puts it: the slab, then as kv_table.h lists them */
        case_param_int(entrant_case(e), "place", 1 + map);
    return e;
}

size_t take_backings(struct memories *memories, enum element element, size_t bytes,
                     struct paged_memory *out[BACKINGS]) {
    static const enum pages_kind kinds[BACKINGS] = {PAGES_2M, PAGES_4K};
    size_t n = 0;
    if (device_kind(memories->device) != DEVICE_CPU) {
        out[0] = memories_huge(memories, element, bytes);
        return out[0] != NULL;
    }
    for (size_t k = 0; k < BACKINGS; k++) {
        if (memories_take(memories, element, bytes, kinds[k], &out[n]) != 0)
            return 0;
        n += out[n] != NULL;
    }
    if (n == 0)
        lab_error(memories->run, "neither 2 MiB nor 4 KiB pages can be had for %zu MiB",
                  bytes / MIB);
    return n;
}

/* --- one gather of this file ---------------------------------------------------------------------
 */

static size_t pool_bytes(const struct memories *memories) {
    enum lab_mode mode = lab_mode(memories->run);
    size_t bytes = mode == LAB_QUICK ? 128 * MIB : mode == LAB_FULL ? 1024 * MIB : 256 * MIB;
    return memories_fitting(memories, on_gpu(memories->device) ? 1024 * MIB : bytes);
}

static const char *pages_arm(const struct paged_memory *memory) {
    static const char *const arms[PAGES_KINDS] = {
        [PAGES_ANY] = "pages=any", [PAGES_4K] = "pages=4k", [PAGES_2M] = "pages=2m"};
    return device_kind(memory->device) == DEVICE_CPU ? arms[memory->kind] : "pages=device";
}

/* Tokens of each of 8 sequences that take `bytes` of memory of a width. */
static struct shape shape_of(struct memories *memories, struct paged_memory *memory,
                             const struct width *width, size_t bytes) {
    return (struct shape){.memories = memories,
                          .memory = memory,
                          .kv_heads = width->heads,
                          .sequences = 8,
                          .tokens =
                              (unsigned)(bytes / token_bytes(width->element, width->heads) / 8),
                          .arm = pages_arm(memory)};
}

/* Quarter octaves from 256 cycles on. */
enum { CYCLE_BINS = 96, CYCLE_LEAST = 8, CYCLE_OCTAVE = 4 };

/* Cycles of the warps of one gather (GPU), beside what every step counts. Context: the entrant. */
static int count_cycles(void *entrant, struct lab_case *record, const struct bench_result *result) {
    const struct job *job = entrant_job(entrant);
    uint32_t *cycles = NULL;
    size_t warps = 0;
    double edges[CYCLE_BINS + 1];
    uint64_t counts[CYCLE_BINS] = {0};
    if (paged_job_cycles(job, &cycles, &warps) != 0)
        return -1;
    for (int b = 0; b <= CYCLE_BINS; b++)
        edges[b] = exp2(CYCLE_LEAST + (double)b / CYCLE_OCTAVE);
    for (size_t w = 0; w < warps; w++) {
        double bin = floor(CYCLE_OCTAVE * (log2(cycles[w] + 1.0) - CYCLE_LEAST));
        counts[bin < 0 ? 0 : bin >= CYCLE_BINS ? CYCLE_BINS - 1 : (int)bin]++;
    }
    free(cycles);
    case_counter(record, "unique bytes per second", paged_job_unique_bytes(job) / result->median);
    case_counter(record, "warps", (double)warps);
    case_series_histogram(record, "cycles of a warp", "cycles", edges, counts, CYCLE_BINS);
    return 0;
}

static struct entrant *enter(struct contest *c, const struct shape *s, const struct width *width,
                             struct paged_plan plan, int map) {
    struct entrant *e = enter_map(c, s, plan, map, NULL);
    if (e)
        case_param_text(entrant_case(e), "width", width->name);
    return e;
}

/* Identity and permuted, over `slab` and each other. -1 after lab_error(). */
static int enter_two(struct contest *c, const struct shape *s, const struct width *width,
                     struct paged_plan plan, const struct entrant *slab, struct entrant *out[2]) {
    out[0] = slab ? enter(c, s, width, plan, KV_MAP_IDENTITY) : NULL;
    out[1] = out[0] ? enter(c, s, width, plan, KV_MAP_PERMUTED) : NULL;
    if (!out[1])
        return -1;
    entrant_over(out[0], slab, "over slab");
    entrant_over(out[1], slab, "over slab");
    entrant_over(out[1], out[0], "over identity");
    return 0;
}

static int enter_walk(struct contest *c, const struct shape *s, const struct width *width,
                      struct paged_plan plan, const struct entrant *gather, struct entrant **out) {
    plan.op = PAGED_WALK;
    *out = enter(c, s, width, plan, KV_MAP_PERMUTED);
    if (!*out)
        return -1;
    entrant_over(*out, gather, "over gather");
    return 0;
}

/* --- maps --------------------------------------------------------------------------------------
 */

/* All maps; in quick mode on the second backing only those that a page size can matter to most. */
static int enter_all_maps(struct contest *c, const struct shape *s, const struct width *width,
                          bool few, struct entrant **permuted) {
    const struct paged_plan plan = plan_of(PAGED_GATHER, PAGED_TABLE, width->element);
    struct entrant *slab = NULL, *identity = NULL;
    for (int map = MAP_SLAB; map <= MAP_CHURNED; map++) {
        if (few && map > KV_MAP_IDENTITY && map != KV_MAP_PERMUTED && map != KV_MAP_SPREAD)
            continue;
        struct entrant *e = enter(c, s, width, plan, map);
        if (!e)
            return -1;
        entrant_over(e, slab ? slab : e, "over slab");
        entrant_over(e, identity, "over identity");
        if (on_gpu(s->memories->device))
            entrant_finish(e, count_cycles, e);
        slab = map == MAP_SLAB ? e : slab;
        identity = map == KV_MAP_IDENTITY ? e : identity;
        *permuted = map == KV_MAP_PERMUTED ? e : *permuted;
    }
    return 0;
}

/* What attention makes of it, and what reading the table alone takes. */
static int enter_others(struct contest *c, const struct shape *s, const struct width *width,
                        const struct entrant *permuted) {
    const struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_TABLE, width->element);
    struct entrant *two[2], *walk;
    if (enter_two(c, s, width, plan, enter(c, s, width, plan, MAP_SLAB), two) != 0)
        return -1;
    if (enter_walk(c, s, width, plan, permuted, &walk) != 0)
        return -1;
    case_param_text(entrant_case(walk), "state", "warm");
    return 0;
}

/* A pool with an eighth of it free, as an allocator's batch leaves it. */
static int sweep_maps(struct memories *memories, const struct width *width) {
    size_t bytes = pool_bytes(memories), n;
    struct paged_memory *backings[BACKINGS];
    struct contest *c = contest_open(memories->run, memories->device,
                                     "04/gather/map/%s/pool=%zuMiB", width->name, bytes / MIB);
    if (!c)
        return contest_skipped(memories->run);
    *contest_limits(c) = mode_limits(memories->run);
    if ((n = take_backings(memories, width->element, bytes, backings)) == 0)
        return contest_drop(c);
    for (size_t k = 0; k < n; k++) {
        struct shape s = shape_of(memories, backings[k], width, bytes);
        struct entrant *permuted = NULL;
        s.sequences = 7;
        s.pool_blocks = 8 * s.tokens / 16;
        if (enter_all_maps(c, &s, width, k > 0 && lab_mode(memories->run) == LAB_QUICK,
                           &permuted) != 0 ||
            (k == 0 && enter_others(c, &s, width, permuted) != 0))
            return contest_drop(c);
    }
    return contest_end(c);
}

/* --- blocks, layouts ---------------------------------------------------------------------------
 */

/* Beside the blocks a twin: the identity map of blocks of 16 once more, which must cost the same.
 */
static int sweep_blocks(struct memories *memories, const struct width *width) {
    static const int blocks[] = {1, 16, 64, 256};
    size_t bytes = pool_bytes(memories), n;
    struct paged_memory *backings[BACKINGS];
    struct contest *c = contest_open(memories->run, memories->device,
                                     "04/gather/block/%s/pool=%zuMiB", width->name, bytes / MIB);
    if (!c)
        return contest_skipped(memories->run);
    *contest_limits(c) = mode_limits(memories->run);
    if ((n = take_backings(memories, width->element, bytes, backings)) == 0)
        return contest_drop(c);
    for (size_t k = 0; k < n; k++) {
        struct shape s = shape_of(memories, backings[k], width, bytes);
        struct paged_plan plan = plan_of(PAGED_GATHER, PAGED_TABLE, width->element);
        struct entrant *slab = enter(c, &s, width, plan, MAP_SLAB), *two[2];
        for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
            plan.block = blocks[b];
            if (enter_two(c, &s, width, plan, slab, two) != 0)
                return contest_drop(c);
            if (plan.block != 16)
                continue;
            char arm[40];
            snprintf(arm, sizeof arm, "%s/again", pages_arm(backings[k]));
            struct shape again = s;
            again.arm = arm;
            struct entrant *twin = enter(c, &again, width, plan, KV_MAP_IDENTITY);
            if (!twin)
                return contest_drop(c);
            entrant_over(twin, two[0], "over identity");
        }
    }
    return contest_end(c);
}

static int sweep_layouts(struct memories *memories, const struct width *width) {
    size_t bytes = pool_bytes(memories);
    struct contest *c = contest_open(memories->run, memories->device,
                                     "04/gather/layout/%s/pool=%zuMiB", width->name, bytes / MIB);
    if (!c)
        return contest_skipped(memories->run);
    *contest_limits(c) = mode_limits(memories->run);
    struct paged_memory *memory = memories_huge(memories, width->element, bytes);
    if (!memory)
        return contest_drop(c);
    struct shape s = shape_of(memories, memory, width, bytes);
    for (int op = PAGED_ATTENTION; op <= PAGED_GATHER; op++) {
        struct paged_plan plan = plan_of((enum paged_op)op, PAGED_TABLE, width->element);
        struct entrant *slab = enter(c, &s, width, plan, MAP_SLAB), *two[2];
        for (int layout = PAGED_NHD; layout <= PAGED_VLLM; layout++) {
            plan.layout = layout;
            if (enter_two(c, &s, width, plan, slab, two) != 0)
                return contest_drop(c);
        }
    }
    return contest_end(c);
}

/* --- pools that the caches hold, and not -------------------------------------------------------
 */

/* Warm: another entrant's reading came before a warm sample, too, so a step runs just before. */
static int enter_pool(struct contest *c, struct memories *memories, const struct width *width,
                      size_t bytes, const struct job *reader) {
    const struct paged_plan plan = plan_of(PAGED_GATHER, PAGED_TABLE, width->element);
    struct paged_memory *memory = memories_huge(memories, width->element, bytes);
    for (int cold = 0; cold < 2 && memory; cold++) {
        struct shape s = shape_of(memories, memory, width, bytes);
        struct entrant *e[4];
        char arm[40];
        snprintf(arm, sizeof arm, "%s%s", pages_arm(memory), cold ? "/cold" : "");
        s.sequences = 4;
        s.tokens *= 2;
        s.arm = arm;
        e[0] = enter(c, &s, width, plan, MAP_SLAB);
        if (enter_two(c, &s, width, plan, e[0], e + 1) != 0 ||
            enter_walk(c, &s, width, plan, e[2], &e[3]) != 0)
            return -1;
        for (size_t k = 0; k < 4; k++)
            if (enter_after(memories, e[k], !cold, cold ? reader : NULL,
                            cold ? reader->bytes : 0) != 0)
                return -1;
    }
    return memory ? 0 : -1;
}

static int sweep_pools(struct memories *memories, const struct width *width) {
    static const size_t cpu_pools[] = {4 * MIB, 64 * MIB}, gpu_pools[] = {16 * MIB, 128 * MIB};
    const size_t *pools = on_gpu(memories->device) ? gpu_pools : cpu_pools;
    size_t flush = 2 * last_level_bytes(memories->device);
    struct contest *c = contest_open(memories->run, memories->device, "04/gather/pool");
    if (!c)
        return contest_skipped(memories->run);
    *contest_limits(c) = mode_limits(memories->run);
    contest_limits(c)->max_samples = 40; /* they are short */
    flush = memories_fitting(memories, flush < 64 * MIB ? 64 * MIB : flush);
    const struct job *reader = memories_reader(memories, flush - flush % (2 * ROOFS_PAGE));
    for (size_t k = 0; k < 2; k++)
        if (!reader || enter_pool(c, memories, width, pools[k], reader) != 0)
            return contest_drop(c);
    return contest_end(c);
}

int sweep_gather(struct lab_run *run, struct device *device) {
    int status = 0;
    for (size_t k = 0; k < sizeof widths / sizeof *widths && status == 0; k++) {
        struct memories memories = memories_open(run, device);
        if (sweep_maps(&memories, &widths[k]) != 0 || sweep_blocks(&memories, &widths[k]) != 0 ||
            (k == 0 && (sweep_layouts(&memories, &widths[k]) != 0 ||
                        sweep_pools(&memories, &widths[k]) != 0)))
            status = -1;
        memories_close(&memories);
    }
    return status;
}

/* --- K4 ----------------------------------------------------------------------------------------
 *
 * Refuting result: with every block size, page size and width the permuted map reads its bytes as
 * fast as the identity map does, in the same rounds. Translation is named as the cause only where
 * changing the page size alone changes the cost of the same map, beyond both intervals, and where
 * pointer chases say so as well (ladder.c).
 */
#define COSTS 1.02 /* a map that takes less longer than this costs nothing to speak of */
#define TWINS 1.10 /* further apart than this, equals were disturbed, and so was all else */

static void size_text(double bytes, char text[24]) {
    if (!isfinite(bytes))
        snprintf(text, 24, "? bytes");
    else if (bytes >= 1048576)
        snprintf(text, 24, "%.4g MiB", bytes / 1048576);
    else if (bytes >= 1024)
        snprintf(text, 24, "%.4g KiB", bytes / 1024);
    else
        snprintf(text, 24, "%.0f bytes", bytes);
}

static const char *pages_text(const char *pages) {
    return strcmp(pages, "4k") == 0   ? "4 KiB pages"
           : strcmp(pages, "2m") == 0 ? "2 MiB pages"
                                      : "the device's pages";
}

/* Up to which block the order costs, for each page size. `all` is sorted by pages. */
static void say_range(const struct rows *all, struct finding *f) {
    for (size_t first = 0, count = 0; rows_group(all, "pages", &first, &count);) {
        double largest = 0;
        char bytes[24];
        for (size_t k = first; k < first + count; k++)
            if (answer_above(row_ratio(all, k, "over identity"), COSTS) == ANSWER_HELD)
                largest = fmax(largest, row_number(all, k, "block bytes"));
        size_text(largest, bytes);
        finding_range(f, "%s%s%s in %s", first ? "; " : "",
                      largest > 0 ? "blocks of up to " : "none", largest > 0 ? bytes : "",
                      pages_text(row_text(all, first, "pages")));
    }
}

/* How many costs are greater in 4 KiB pages than in 2 MiB pages, of `pairs` compared. */
static size_t page_size_matters(const struct rows *all, size_t *pairs) {
    size_t count = 0;
    *pairs = 0;
    for (size_t k = 0; k < all->count; k++) {
        char terms[100];
        snprintf(terms, sizeof terms, "pages=2m;width=%s;block=%.0f", row_text(all, k, "width"),
                 row_number(all, k, "block"));
        size_t huge = rows_find(all, terms);
        if (!row_is(all, k, "pages", "4k") || huge == all->count)
            continue;
        ++*pairs;
        count += answer_greater(row_ratio(all, k, "over identity"),
                                row_ratio(all, huge, "over identity")) == ANSWER_HELD;
    }
    return count;
}

static void say_cause(const struct rows *rows, const struct rows *all, struct finding *f) {
    size_t pairs, matters = page_size_matters(all, &pairs);
    if (pairs == 0)
        return;
    finding_say(f, "; the page size alone changes %zu of %zu costs", matters, pairs);
    if (matters > 0)
        finding_say(f, "%s",
                    ladder_translation(rows) > 0 ? ", and chases agree: translation"
                                                 : ", but chases show no translation");
}

void check_scatter(const struct rows *rows, struct finding *f) {
    struct rows all = rows_select(rows, "04/gather/block/", "op=gather;map=permuted");
    struct rows twins = rows_select(rows, "04/gather/block/", "op=gather;map=identity");
    double least = INFINITY, most = 0;
    rows_sort(&all, "pages;block bytes;width");
    for (size_t k = 0; k < all.count; k++) {
        struct ratio cost = row_ratio(&all, k, "over identity");
        char bytes[24];
        size_text(row_number(&all, k, "block bytes"), bytes);
        finding_count(f, answer_above(cost, COSTS), &all, k);
        finding_number(f, "1", cost, "permuted over identity: %s of keys in a block, %s, %s", bytes,
                       row_text(&all, k, "width"), pages_text(row_text(&all, k, "pages")));
        least = fmin(least, cost.value);
        most = fmax(most, cost.value);
    }
    for (size_t k = 0; k < twins.count; k++) {
        struct ratio twin = row_ratio(&twins, k, "over identity");
        if (row_has(&twins, k, "over identity"))
            finding_control(f,
                            answer_both(answer_above(twin, 1 / TWINS), answer_below(twin, TWINS)),
                            "the identity map once more costs the same");
    }
    finding_say(f, "a permuted map takes %.2f to %.2f times as long as the identity map", least,
                most);
    say_cause(rows, &all, f);
    say_range(&all, f);
    finding_settle(f, SETTLE_ALL, "some blocks and pages");
    rows_free(&all);
    rows_free(&twins);
}

/* --- tables ------------------------------------------------------------------------------------
 */

/* The cycles that warps of a gather spent, bin by bin (GPU). */
int write_cycles(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (size_t k = 0; k < rows->count; k++) {
        const json_t *series = case_series(rows->list[k].record, "cycles of a warp");
        const json_t *edges = json_object_get(series, "edges");
        const json_t *bins = json_object_get(series, "bins");
        for (size_t b = 0; b < json_array_size(bins); b++) {
            json_int_t count = json_integer_value(json_array_get(bins, b));
            if (count > 0)
                lab_table_row(table, "%s\t%s\t%.0f\t%lld", row_text(rows, k, "device"),
                              row_text(rows, k, "map"), json_number_value(json_array_get(edges, b)),
                              (long long)count);
        }
    }
    return 0;
}
