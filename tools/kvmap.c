/*
 * kvmap.c: `nanolab kvmap`: what a block table of a serving engine looks like to the memory
 * system, and what its blocks' places cost on this machine: a decode step through it and through
 * the same table with its blocks in order, in the same memory: first the bits, then the times.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/options.h"
#include "harness/measure/bench.h"
#include "harness/store/build_info.h"
#include "kernels/kv_pool/kv_pool.h"
#include "kernels/kv_pool/kv_table_read.h"
#include "kernels/paged_attention/paged_job.h"
#include "kernels/threads/threads.h"

static const char intro[] =
    "nanolab kvmap: where the blocks of a paged KV cache lie, and what that costs.\n"
    "\n"
    "usage: nanolab kvmap FILE.json [options]     (- reads standard input)\n"
    "       nanolab kvmap --example [POLICY]      a table to try, of a pool that use has aged\n"
    "\n"
    "FILE is a block table as your engine has it: the blocks of each sequence in the order of its\n"
    "tokens, one for every started block_tokens of them, and how many blocks the pool has:\n"
    "\n"
    "  {\"block_tokens\": 16, \"pool_blocks\": 4096,\n"
    "   \"sequences\": [{\"tokens\": 40, \"blocks\": [7, 8, 3]}, {\"tokens\": 16, \"blocks\": "
    "[5]}]}\n"
    "\n"
    "or with an engine's own names, other members being passed over:\n"
    "\n"
    "  vLLM        block_tables (rows padded with anything), seq_lens, block_size\n"
    "  FlashInfer  kv_indptr, kv_indices, kv_last_page_len, page_size (or paged_kv_..., indptr, "
    "...)\n"
    "  SGLang      req_to_token, req_pool_indices, seq_lens, page_size; or kv_indptr, kv_indices\n"
    "  rows alone  [[3, 7, 12, -1], [5, -1, -1, -1]], padded with -1, with --block-tokens\n"
    "\n"
    "as JSON or as Python prints it: tensor([...], device='cuda:0'), array([...]), 'names', and\n"
    "name = value line by line. Print all of it, not a shortened tensor:\n"
    "\n"
    "  print(json.dumps({\"block_size\": 16, \"seq_lens\": seq_lens.tolist(),\n"
    "                    \"block_tables\": block_tables.tolist()}))\n"
    "\n"
    "Ids that are not in the pool are refused, and blocks that are named twice, unless --shared\n"
    "says that sequences share prefixes. Keys and values are two such pools, in every layer.\n"
    "\n";

static const char outro[] =
    "\n"
    "POLICY is what an allocator takes next: fifo, lifo, address or buddy (fifo).\n"
    "\n"
    "examples:\n"
    "  nanolab kvmap --example fifo | nanolab kvmap -\n"
    "  nanolab kvmap --example buddy | nanolab kvmap - --time\n"
    "  nanolab kvmap table.json --heads 1 --element f16 --shared --json\n"
    "\n"
    "--time runs a decode step through the table and through the same table with its blocks in\n"
    "order, by turns in one cache, and gives the ratio with its 95 % interval. The answers must\n"
    "have the same bits: places may change the time, never the result. simt checks bits only. It\n"
    "has kernels for blocks of 1, 2, 4, ... 256 tokens and heads of 64 and 128 channels in f32, "
    "bf16\n"
    "and f16; to time larger blocks, cut each into equal ones of consecutive ids: block b of 512\n"
    "tokens is 2 b and 2 b + 1 of 256.\n"
    "\n"
    "exit status: 0 done; 1 the bits differ, our bug, or a step could not run; 2 usage or a bad\n"
    "table; 77 no such hardware here.\n";

struct request {
    const char *file, *layout, *element, *device;
    uint64_t heads, head, block_tokens, pool_blocks, null_block;
    bool shared, latent, time, json, example, help, version, describe;
};

/* What is stored of a token: any, as only a step has kernels for some. */
struct geometry {
    unsigned heads, head, pools; /* channels; 2: keys and values, 1: one latent vector for both */
    const char *element, *layout;
    size_t element_bytes, token_bytes; /* … of a token in one pool */
};

#define PROGRAM "nanolab kvmap"
#define NO_NULL_BLOCK UINT64_MAX

static int complain(const char *what) {
    fprintf(stderr, PROGRAM ": %s\n", what);
    return EXIT_USAGE;
}

/* --- what is asked, and found ------------------------------------------------------------------
 */

/* A decode step through the table, and through the same table with its blocks in order. */
enum way { TABLE, ORDER, WAYS };

struct cost {
    size_t outputs; /* numbers that the step computes */
    bool same_bits; /* through both tables, for the same content */
    bool timed;
    enum pages_kind pages;             /* on a CPU */
    size_t samples;                    /* of each */
    struct bench_result results[WAYS]; /* freed: only its numbers are left */
    double ratio, low, high;           /* table over in order, with its 95 % interval */
};

struct answer {
    struct device *device; /* NULL without --time */
    struct geometry geometry;
    const struct kv_table *table;
    const char *note;       /* what was taken for granted, or "" */
    struct paged_step step; /* with --time only */
    struct paged_shape shape;
    bool shared;
    struct kv_map_stats stats;
    double tokens, bytes, distinct_bytes; /* of a step */
    size_t rows;                          /* sequences with a block: the fewest runs there can be */
    size_t block_bytes, pages_fewest;
    double waste;      /* of the slots in distinct blocks, those without a token */
    struct cost *cost; /* NULL without --time */
};

/* 0, or -1 with device_error(). */
static int look(struct answer *a) {
    const struct kv_table *table = a->table;
    const struct geometry *g = &a->geometry;
    a->block_bytes = table->block_tokens * g->token_bytes; /* < 2^50 */
    if (a->block_bytes > SIZE_MAX / 4 / ((size_t)table->pool_blocks + 1))
        return device_fail("%u blocks of %zu bytes are more than can be addressed; lower "
                           "pool_blocks, --heads or --head",
                           table->pool_blocks, a->block_bytes);
    if (kv_table_stats(table, a->block_bytes, &a->stats) != 0)
        return device_fail("not enough memory to look at so large a table; give fewer sequences");
    double each = (double)g->pools * (double)g->token_bytes;
    a->tokens = (double)a->stats.tokens;
    a->bytes = each * a->tokens;
    a->distinct_bytes = each * (double)a->stats.unique_tokens;
    for (unsigned s = 0; s < table->sequences; s++)
        a->rows += table->tokens[s] > 0;
    if (a->stats.unique_blocks > 0) {
        double slots = (double)a->stats.unique_blocks * table->block_tokens;
        a->pages_fewest = (a->stats.unique_blocks * a->block_bytes - 1) / PAGES_HUGE + 1;
        a->waste = 1 - (double)a->stats.unique_tokens / slots;
    }
    return 0;
}

/* --- a step through both tables ------------------------------------------------------------------
 */

/* The table with its blocks numbered in the order in which they are first named: what is shared
 * stays shared. 0, or -1 with device_error(). */
static int in_order(const struct kv_table *table, struct kv_table *out) {
    int32_t *number = malloc(table->pool_blocks * sizeof *number);
    if (!number || kv_table_open(out, table->sequences, table->tokens, table->block_tokens,
                                 table->pool_blocks) != 0) {
        free(number);
        return device_fail("out of memory for a second table; give a smaller one");
    }
    int32_t next = 0;
    for (unsigned id = 0; id < table->pool_blocks; id++)
        number[id] = KV_NO_BLOCK;
    for (size_t k = 0; k < (size_t)table->sequences * table->row_blocks; k++)
        if (table->ids[k] != KV_NO_BLOCK) {
            if (number[table->ids[k]] == KV_NO_BLOCK)
                number[table->ids[k]] = next++;
            out->ids[k] = number[table->ids[k]];
        }
    free(number);
    return 0;
}

/* Bytes that both jobs and one memory take on their device, but for the native workspace, and in
 * host memory. */
static void needs(const struct answer *a, size_t *device, size_t *host) {
    const struct paged_plan *plan = &a->step.plan;
    const struct kv_table *table = a->shape.table;
    size_t out = paged_query_elements(plan, &a->shape) * sizeof(float);
    size_t cache = 2 * paged_cache_bytes(plan, &a->shape);
    size_t ids = (size_t)table->sequences * table->row_blocks * sizeof(int32_t);
    *device = cache + WAYS * (2 * out + paged_workspace_bytes(plan, &a->shape) + ids);
    /* Filling a memory wants some 32 bytes for each block. */
    *host = (WAYS + 1) * out + 2 * ids + (size_t)table->pool_blocks * 32;
    bool own = device_kind(a->device) == DEVICE_CUDA;
    /* Elsewhere than on a CPU host memory holds a copy; simt's device memory is the host's. */
    *host += device_kind(a->device) == DEVICE_CPU ? 0 : cache;
    *host += own ? 0 : *device;
    *device = own ? *device : 0;
}

static int fits(size_t bytes, size_t available, const char *what) {
    if (bytes <= available / 4)
        return 0;
    return device_fail("a step over this pool takes %zu MiB of %s memory, and a quarter of what is "
                       "free is %zu; lower pool_blocks or --heads",
                       bytes >> 20, what, available >> 22);
}

/* The step of this table and geometry, if there are kernels for it. */
static int step_of(struct answer *a) {
    const struct geometry *g = &a->geometry;
    unsigned block = a->table->block_tokens, part = block & -block;
    part = part < 256 ? part : 256;
    struct paged_plan plan = paged_plan_default();
    if (part != block)
        return device_fail("blocks of %u tokens can be looked at, not timed; cut each into %u of "
                           "%u: block b becomes %u b to %u b + %u",
                           block, block / part, part, block / part, block / part, block / part - 1);
    if (g->head != 64 && g->head != 128)
        return device_fail("heads of %u channels can be looked at, not timed; time --head 64 or "
                           "128",
                           g->head);
    if (g->heads > 64)
        return device_fail("%u heads can be looked at, not timed; time --heads 64 or fewer",
                           g->heads);
    if (g->pools == 1)
        return device_fail("--latent can be looked at, not timed; leave it out");
    plan.rule = PAGED_HEURISTIC;
    plan.splits = 32;
    plan.layout = strcmp(g->layout, "nhd") == 0 ? PAGED_NHD : PAGED_HND;
    plan.element = strcmp(g->element, "f32") == 0    ? ELEMENT_F32
                   : strcmp(g->element, "bf16") == 0 ? ELEMENT_BF16
                                                     : ELEMENT_F16;
    if (g->element_bytes == 1)
        return device_fail("%s can be looked at, not timed; time --element f32, bf16 or f16",
                           g->element);
    plan.head = (int)g->head;
    plan.block = (int)block;
    a->step = paged_step_of(&plan, g->heads, a->table);
    a->step.processors = device_kind(a->device) == DEVICE_CPU ? pool_cpus() : 0;
    a->shape = paged_step_shape(&a->step);
    return 0;
}

/* Whether plan, table and memory allow a step. 0, or -1 with device_error(). */
static int check_step(struct answer *a) {
    char why[PLAN_WHY];
    struct device *cpu;
    size_t device, host;
    if (step_of(a) != 0)
        return -1;
    if (paged_check(&a->step.plan, &a->shape, true, why) != 0)
        return device_fail("%s", why);
    if (kv_table_blocks(a->shape.table) == 0)
        return device_fail("no sequence has a token, so a step does nothing; give one that has");
    if (device_open(&cpu, DEVICE_CPU, 0) != 0)
        return -1;
    size_t host_free = device_memory_free(cpu);
    device_close(cpu);
    needs(a, &device, &host);
    if (fits(host, host_free, "host") != 0)
        return -1;
    return fits(device, device_memory_free(a->device), device_id(a->device));
}

/* The bits of a step over its own content, every block that it does not name holding NaN. */
static int outputs_of(const struct answer *a, const struct kv_table *table, float *out) {
    struct paged_memory memory;
    struct paged_step step = a->step;
    struct job job;
    step.table = table;
    if (paged_memory_of_step(&memory, a->device, &step, PAGES_ANY, 1) != 0)
        return -1;
    int status = paged_job_open(&job, &memory, &step);
    if (status == 0)
        status = paged_job_run(&job, out);
    job_close(&job);
    paged_memory_close(&memory);
    return status;
}

/* Sets cost->same_bits: equal, and written everywhere without following a wrong id to a NaN. */
static int compare_bits(const struct answer *a, const struct kv_table *order, struct cost *cost) {
    size_t count = cost->outputs = paged_query_elements(&a->step.plan, &a->shape);
    float *out[WAYS];
    for (int way = 0; way < WAYS; way++)
        out[way] = malloc(count * sizeof(float));
    int status = out[TABLE] && out[ORDER] ? 0 : device_fail("out of memory for %zu outputs", count);
    if (status == 0)
        status = outputs_of(a, a->shape.table, out[TABLE]);
    if (status == 0)
        status = outputs_of(a, order, out[ORDER]);
    cost->same_bits = status == 0 && memcmp(out[TABLE], out[ORDER], count * sizeof(float)) == 0;
    for (size_t k = 0; k < count && cost->same_bits; k++)
        cost->same_bits = isfinite(out[TABLE][k]);
    free(out[TABLE]);
    free(out[ORDER]);
    return status;
}

/* Ordinary numbers everywhere, since both tables read this memory: in 2 MiB pages if they can be
 * had. */
static int open_memory(const struct answer *a, struct paged_memory *memory, struct cost *cost) {
    size_t bytes = paged_cache_bytes(&a->step.plan, &a->shape);
    enum element element = (enum element)a->step.plan.element;
    bool native = device_kind(a->device) == DEVICE_CPU;
    cost->pages = native ? PAGES_2M : PAGES_ANY;
    int status = paged_memory_open(memory, a->device, element, bytes, cost->pages, 1);
    if (status == 0 || !native || !pages_unavailable())
        return status;
    cost->pages = PAGES_ANY;
    return paged_memory_open(memory, a->device, element, bytes, PAGES_ANY, 1);
}

static int time_jobs(const struct answer *a, struct job jobs[WAYS], struct cost *cost) {
    static const char *const ids[WAYS] = {"kvmap/table", "kvmap/in-order"};
    struct bench_case cases[WAYS] = {{0}};
    const struct bench_options options = {.limits = {1e-3, 0.002, 31, 101, 5}, .seed = 1};
    for (int way = 0; way < WAYS; way++)
        cases[way] = (struct bench_case){.id = ids[way],
                                         .call = jobs[way].call,
                                         .context = jobs[way].context,
                                         .device = a->device,
                                         .bytes_per_call = jobs[way].bytes};
    if (bench_run(cases, WAYS, &options, cost->results) != 0)
        return device_fail("%s", bench_error());
    int status = 0;
    for (int way = 0; way < WAYS && status == 0; way++)
        if (cost->results[way].stop == BENCH_FAILED)
            status = device_fail("%s: %s", ids[way], cost->results[way].error);
    if (status == 0 && bench_ratio(&cost->results[TABLE], &cost->results[ORDER], 1, &cost->ratio,
                                   &cost->low, &cost->high) != 0)
        status = device_fail("the two ways share no round of samples; try again");
    cost->samples = cost->results[TABLE].samples;
    for (int way = 0; way < WAYS; way++)
        bench_result_free(&cost->results[way]);
    cost->timed = status == 0;
    return status;
}

static int time_both(const struct answer *a, const struct kv_table *order, struct cost *cost) {
    struct paged_memory memory;
    struct job jobs[WAYS] = {{0}};
    struct paged_step step = a->step;
    if (open_memory(a, &memory, cost) != 0)
        return -1;
    int status = paged_job_open(&jobs[TABLE], &memory, &step);
    step.table = order;
    if (status == 0)
        status = paged_job_open(&jobs[ORDER], &memory, &step);
    if (status == 0)
        status = time_jobs(a, jobs, cost);
    for (int way = 0; way < WAYS; way++)
        job_close(&jobs[way]);
    paged_memory_close(&memory);
    return status;
}

/* The bits through both tables, and the times where the device has a clock and the bits are right.
 * check_step has allowed it. 0, or -1 with device_error(). */
static int measure_cost(const struct answer *a, struct cost *cost) {
    struct kv_table order = {0};
    int status = in_order(a->shape.table, &order);
    if (status == 0)
        status = compare_bits(a, &order, cost);
    if (status == 0 && cost->same_bits && device_has_clock(a->device))
        status = time_both(a, &order, cost);
    kv_table_close(&order);
    return status;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static const char *size_text(double bytes, char out[24]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++)
        bytes /= 1024;
    snprintf(out, 24, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return out;
}

#define BINS ((int)(sizeof((struct kv_map_stats *)0)->run_lengths / sizeof(size_t)))
#define BAR 40

static void print_histogram(const struct kv_map_stats *s) {
    size_t most = 1;
    int last = 0;
    for (int k = 0; k < BINS; k++) {
        most = s->run_lengths[k] > most ? s->run_lengths[k] : most;
        last = s->run_lengths[k] ? k : last;
    }
    for (int k = 0; k <= last; k++) {
        char range[40];
        size_t from = (size_t)1 << k, runs = s->run_lengths[k];
        snprintf(range, sizeof range,
                 k == 0          ? "%zu"
                 : k == BINS - 1 ? "%zu-"
                                 : "%zu-%zu",
                 from, 2 * from - 1);
        int bar = (int)(((double)runs * BAR + (double)most - 1) / (double)most);
        printf("           %-12s %.*s%s%zu\n", range, bar,
               "########################################", bar ? " " : "", runs);
    }
}

static void print_cost(const struct answer *a, const struct cost *cost) {
    printf("bits       %s through this table and through its blocks in order (%zu numbers)\n",
           cost->same_bits ? "the same" : "NOT THE SAME", cost->outputs);
    if (!cost->timed)
        return;
    printf("time       on %s, %s", device_id(a->device), device_model(a->device));
    if (device_kind(a->device) == DEVICE_CPU)
        printf(", %u threads, %s, prefetch %s, %s pages", a->step.threads,
               paged_isa_name(a->step.isa), paged_prefetch_name(a->step.prefetch),
               pages_name(cost->pages));
    putchar('\n');
    static const char *const names[WAYS] = {"this table", "in order"};
    for (int way = 0; way < WAYS; way++)
        printf("           %-12s %.4g ms a step, %.4g GB/s (median of %zu)\n", names[way],
               1e3 * cost->results[way].median, 1e-9 * a->bytes / cost->results[way].median,
               cost->samples);
    printf("           %-12s %.3f, 95 %% interval %.3f to %.3f: %s\n", "ratio", cost->ratio,
           cost->low, cost->high,
           cost->low > 1    ? "these places cost time here"
           : cost->high < 1 ? "faster than in order"
                            : "no difference seen");
}

static void print_text(const struct answer *a) {
    const struct kv_map_stats *s = &a->stats;
    const struct kv_table *table = a->table;
    const struct geometry *g = &a->geometry;
    const char *stored = g->pools == 2 ? "keys and values" : "latent vectors";
    const char *each = g->pools == 2 ? "keys" : "latent vectors";
    char size[24], other[24];
    if (a->note[0])
        printf("read       %s\n", a->note);
    printf("table      %u sequences, %.0f tokens in %zu blocks of %u; %zu distinct, %.3g %% of a "
           "pool of %u\n",
           table->sequences, a->tokens, s->blocks, table->block_tokens, s->unique_blocks,
           100.0 * (double)s->unique_blocks / table->pool_blocks, table->pool_blocks);
    printf("geometry   %u KV heads of %u channels, %s, %s: a block is %s of %s%s\n", g->heads,
           g->head, g->element, g->layout, size_text((double)a->block_bytes, size), each,
           g->pools == 2 ? ", and as much of values" : "");
    if (s->blocks == 0) {
        printf("           no sequence has a token, so there is nothing to look at\n");
        return;
    }
    printf("waste      %.3g %% of the slots in these blocks hold no token\n", 100 * a->waste);
    printf("runs       %zu (%zu at the fewest) of %.3g blocks in the mean, median %zu, longest "
           "%zu:\n",
           s->runs, a->rows, s->run_mean, s->run_median, s->run_longest);
    print_histogram(s);
    printf("copies     %zu to move these sequences elsewhere, one a run%s\n", s->runs,
           g->pools == 2 ? ", and as many for values" : "");
    printf("pages      %zu of 2 MiB in a pool of %s, %zu at the fewest: %.3g times as many\n",
           s->pages, each, a->pages_fewest, s->pages_over_ideal);
    printf("steps      %.3g %% of those from a block to the next change the page; %s apart in the "
           "mean\n",
           100 * s->page_switches, size_text(s->jump_mean, size));
    printf("bytes      %s of %s in a decode step of a layer, %s of them distinct\n",
           size_text(a->bytes, size), stored, size_text(a->distinct_bytes, other));
    if (a->cost)
        print_cost(a, a->cost);
}

static void put(json_t *o, const char *name, size_t value) {
    json_object_set_new(o, name, json_integer((json_int_t)value));
}

static void put_real(json_t *o, const char *name, double value) {
    json_object_set_new(o, name, json_real(value));
}

static void put_map(json_t *o, const struct answer *a) {
    const struct kv_map_stats *s = &a->stats;
    json_t *lengths = json_array();
    for (int k = 0; k < BINS; k++)
        json_array_append_new(lengths, json_integer((json_int_t)s->run_lengths[k]));
    put(o, "blocks", s->blocks);
    put(o, "unique_blocks", s->unique_blocks);
    put_real(o, "waste", a->waste);
    put(o, "runs", s->runs);
    put(o, "runs_fewest", a->rows);
    put_real(o, "run_mean", s->run_mean);
    put(o, "run_median", s->run_median);
    put(o, "run_longest", s->run_longest);
    json_object_set_new(o, "run_lengths_log2", lengths);
    put(o, "pages", s->pages);
    put(o, "pages_fewest", a->pages_fewest);
    put_real(o, "pages_over_ideal", s->pages_over_ideal);
    put_real(o, "page_switches", s->page_switches);
    put_real(o, "jump_mean_bytes", s->jump_mean);
    put_real(o, "step_bytes", a->bytes);
    put_real(o, "distinct_step_bytes", a->distinct_bytes);
}

static void put_cost(json_t *o, const struct answer *a, const struct cost *cost) {
    json_object_set_new(o, "device", json_string(device_id(a->device)));
    json_object_set_new(o, "model", json_string(device_model(a->device)));
    json_object_set_new(o, "same_bits", json_boolean(cost->same_bits));
    json_object_set_new(o, "outputs", json_integer((json_int_t)cost->outputs));
    if (!cost->timed)
        return;
    const struct bench_result *t = cost->results;
    json_t *time = json_pack(
        "{s:[f,f,f], s:[f,f,f], s:f, s:[f,f], s:I}", "table_seconds", t[TABLE].low, t[TABLE].median,
        t[TABLE].high, "in_order_seconds", t[ORDER].low, t[ORDER].median, t[ORDER].high, "ratio",
        cost->ratio, "ratio_interval", cost->low, cost->high, "samples", (json_int_t)cost->samples);
    if (time && device_kind(a->device) == DEVICE_CPU) {
        json_object_set_new(time, "threads", json_integer(a->step.threads));
        json_object_set_new(time, "isa", json_string(paged_isa_name(a->step.isa)));
        json_object_set_new(time, "prefetch", json_string(paged_prefetch_name(a->step.prefetch)));
        json_object_set_new(time, "pages", json_string(pages_name(cost->pages)));
    }
    json_object_set_new(o, "time", time);
}

static int print_json(const struct answer *a) {
    const struct kv_table *table = a->table;
    json_t *o = json_object();
    put(o, "sequences", table->sequences);
    put(o, "tokens", (size_t)a->tokens);
    put(o, "block_tokens", table->block_tokens);
    put(o, "pool_blocks", table->pool_blocks);
    json_object_set_new(o, "shared", json_boolean(a->shared));
    json_object_set_new(o, "note", a->note[0] ? json_string(a->note) : json_null());
    put(o, "kv_heads", a->geometry.heads);
    put(o, "head", a->geometry.head);
    json_object_set_new(o, "element", json_string(a->geometry.element));
    json_object_set_new(o, "layout", json_string(a->geometry.layout));
    json_object_set_new(o, "latent", json_boolean(a->geometry.pools == 1));
    put(o, "block_bytes", a->block_bytes);
    put_map(o, a);
    if (a->cost)
        put_cost(o, a, a->cost);
    int status = o ? json_dumpf(o, stdout, JSON_INDENT(2)) : -1;
    putchar('\n');
    json_decref(o);
    return status;
}

/* --- an example --------------------------------------------------------------------------------
 */

enum {
    EXAMPLE_POOL = 4096,
    EXAMPLE_BLOCK = 16,
    EXAMPLE_SEQUENCES = 16,
    EXAMPLE_TOKENS = 2040,
    EXAMPLE_TURNOVERS = 3 /* how often the pool was given out before the batch came */
};

static int print_example(enum kv_policy policy) {
    struct kv_churn_options options = kv_churn_default(EXAMPLE_POOL, EXAMPLE_BLOCK, 1);
    struct kv_churn *churn = NULL;
    struct kv_churn_counts counts = {0};
    struct kv_table table = {0};
    char why[KV_WHY] = "out of memory";
    options.policy = policy;
    int status = kv_churn_open(&churn, &options);
    while (status == 0 && counts.blocks_taken < EXAMPLE_TURNOVERS * EXAMPLE_POOL) {
        status = kv_churn_run(churn, 64, why);
        kv_churn_counts(churn, &counts);
    }
    if (status == 0)
        status = kv_churn_table(churn, EXAMPLE_SEQUENCES, EXAMPLE_TOKENS * 3 / 4, EXAMPLE_TOKENS,
                                EXAMPLE_POOL / 8, &table, why);
    if (status == 0)
        kv_table_write(&table, stdout);
    else
        complain(why);
    kv_table_close(&table);
    kv_churn_close(churn);
    return status ? EXIT_BROKEN : EXIT_DONE;
}

/* --- what is asked -----------------------------------------------------------------------------
 */

/* --example with its policy, or none. */
static int example(const struct options *parser, const struct request *r) {
    const char *names[KV_POLICY_COUNT];
    enum kv_policy policy = KV_FIFO;
    for (int k = 0; k < KV_POLICY_COUNT; k++)
        names[k] = kv_policy_name((enum kv_policy)k);
    if (r->time || r->json || r->shared || r->device) {
        options_fail(parser, "--example only prints a table; pipe it into " PROGRAM " -");
        return options_report();
    }
    if (r->file && kv_policy_parse(r->file, &policy) != 0) {
        const char *near = options_nearest(r->file, names, KV_POLICY_COUNT);
        if (near)
            options_fail(parser, "no policy is called \"%s\"; did you mean %s?", r->file, near);
        else
            options_fail(parser, "no policy is called \"%s\"; give fifo, lifo, address or buddy",
                         r->file);
        return options_report();
    }
    return print_example(policy);
}

/* Elements by all names that engines give them. */
static const struct {
    const char *name, *shown;
    size_t bytes;
} elements[] = {{"f32", "f32", 4},         {"bf16", "bf16", 2},    {"f16", "f16", 2},
                {"fp8", "fp8", 1},         {"int8", "int8", 1},    {"float32", "f32", 4},
                {"bfloat16", "bf16", 2},   {"float16", "f16", 2},  {"half", "f16", 2},
                {"fp8_e4m3", "fp8", 1},    {"fp8_e5m2", "fp8", 1}, {"float8_e4m3fn", "fp8", 1},
                {"float8_e5m2", "fp8", 1}, {"uint8", "int8", 1}};

enum { HEADS_MOST = 1024, CHANNELS_MOST = 65536 };

static int geometry(const struct options *parser, const struct request *r, struct geometry *g) {
    *g = (struct geometry){.heads = (unsigned)r->heads,
                           .head = (unsigned)r->head,
                           .pools = r->latent ? 1 : 2,
                           .layout = r->layout};
    if (strcmp(r->layout, "nhd") != 0 && strcmp(r->layout, "hnd") != 0)
        return options_fail(parser, "--layout is nhd or hnd, not \"%s\"", r->layout);
    for (size_t k = 0; k < sizeof elements / sizeof *elements; k++)
        if (strcmp(r->element, elements[k].name) == 0) {
            g->element = elements[k].shown;
            g->element_bytes = elements[k].bytes;
        }
    if (!g->element)
        return options_fail(parser, "--element is f32, bf16, f16, fp8 or int8, not \"%s\"",
                            r->element);
    if (r->heads < 1 || r->heads > HEADS_MOST)
        return options_fail(parser, "--heads is %" PRIu64 "; give 1 to %d", r->heads, HEADS_MOST);
    if (r->head < 1 || r->head > CHANNELS_MOST)
        return options_fail(parser, "--head is %" PRIu64 "; give 1 to %d", r->head, CHANNELS_MOST);
    if (r->block_tokens > KV_TABLE_TOKENS_MOST)
        return options_fail(parser, "--block-tokens is %" PRIu64 "; give 1 to %d", r->block_tokens,
                            KV_TABLE_TOKENS_MOST);
    if (r->pool_blocks > INT32_MAX)
        return options_fail(parser, "--pool-blocks is %" PRIu64 "; give 1 to %d", r->pool_blocks,
                            INT32_MAX);
    g->token_bytes = (size_t)g->heads * g->head * g->element_bytes;
    return 0;
}

static int choose_device(const struct options *parser, const struct request *r,
                         struct option_device *out) {
    struct option_device listed[OPTION_DEVICES_MAX];
    size_t count = 0;
    if (r->device && !r->time)
        return options_fail(parser, "--device belongs to --time; add --time or leave it out");
    *out = (struct option_device){.kind = DEVICE_CPU};
    if (!r->device) {
        if (r->time && device_count(DEVICE_CUDA) > 0)
            out->kind = DEVICE_CUDA;
        return 0;
    }
    if (options_devices(parser, r->device, listed, &count) != 0)
        return -1;
    if (count != 1)
        return options_fail(parser, "--device takes one device here; give cpu, simt, ptx or cuda");
    *out = listed[0];
    return 0;
}

/* Reads and checks the table. 0, or the exit status. */
static int load(const struct request *r, struct kv_table *table, char note[KV_WHY]) {
    char why[KV_WHY];
    bool standard = strcmp(r->file, "-") == 0;
    const char *name = standard ? "standard input" : r->file;
    FILE *in = standard ? stdin : fopen(r->file, "r");
    if (!in) {
        fprintf(stderr, PROGRAM ": cannot read %s: %s; give a file, or - for standard input\n",
                name, strerror(errno));
        return EXIT_USAGE;
    }
    const struct kv_read_options options = {
        .block_tokens = (unsigned)r->block_tokens,
        .pool_blocks = (unsigned)r->pool_blocks,
        .null_block = r->null_block == NO_NULL_BLOCK ? -1 : (int64_t)r->null_block};
    int status = kv_table_read(in, &options, table, note, why);
    if (!standard)
        fclose(in);
    bool refused = status == 0 && !r->shared && kv_table_check(table, false, why) != 0;
    if (status == 0 && !refused)
        return 0;
    fprintf(stderr, PROGRAM ": %s: %s%s\n", name, why,
            !refused                   ? ""
            : strstr(why, ": id 0 is") ? " (--shared; if 0 is vLLM's null block, --null-block 0)"
                                       : " (--shared)");
    kv_table_close(table);
    return EXIT_USAGE;
}

/* --- from the table to the answer --------------------------------------------------------------
 */

/* 0, or the exit status, with the reason said. */
static int measure(struct answer *a, const struct option_device *chosen, struct cost *cost) {
    if (device_open(&a->device, chosen->kind, chosen->index) != 0) {
        complain(device_error());
        return EXIT_SKIPPED;
    }
    if (check_step(a) != 0)
        return complain(device_error());
    if (measure_cost(a, cost) != 0) {
        complain(device_error());
        return EXIT_BROKEN;
    }
    a->cost = cost;
    return 0;
}

static int answer(const struct request *r, const struct option_device *chosen,
                  const struct geometry *geometry, const struct kv_table *table, const char *note) {
    struct answer a = {.shared = r->shared, .geometry = *geometry, .table = table, .note = note};
    struct cost cost = {0};
    if (look(&a) != 0)
        return complain(device_error());
    int status = r->time ? measure(&a, chosen, &cost) : 0;
    if (status == 0) {
        if (r->json)
            print_json(&a);
        else
            print_text(&a);
        if (r->time && !cost.same_bits) {
            complain("our bug: where blocks lie changed the bits of the step; please report it");
            status = EXIT_BROKEN;
        }
    }
    if (a.device)
        device_close(a.device);
    return status;
}

static int kvmap(const struct options *parser, const struct request *r) {
    struct geometry g;
    struct option_device chosen;
    struct kv_table table = {0};
    char note[KV_WHY] = "";
    if (!r->file) {
        options_fail(parser, "a block table is missing; give FILE.json, or try --example");
        return options_report();
    }
    if (geometry(parser, r, &g) != 0 || choose_device(parser, r, &chosen) != 0)
        return options_report();
    if (r->time && device_count(chosen.kind) == 0) {
        fprintf(stderr, PROGRAM ": not testable here: %s\n", device_error());
        return EXIT_SKIPPED;
    }
    int status = load(r, &table, note);
    if (status == 0)
        status = answer(r, &chosen, &g, &table, note);
    kv_table_close(&table);
    return status;
}

/* What went to standard output may not have arrived. */
static int finish(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    complain("standard output cannot be written; check where it goes");
    return status ? status : EXIT_USAGE;
}

int main(int argc, char **argv) {
    struct request r = {
        .layout = "nhd", .element = "bf16", .heads = 8, .head = 128, .null_block = NO_NULL_BLOCK};
    const struct option_spec specs[] = {
        {"--heads", "H", "KV heads (8)", OPTION_NUMBER, &r.heads, NULL},
        {"--head", "D", "channels of a head (128)", OPTION_NUMBER, &r.head, NULL},
        {"--element", "T", "of keys and values: f32, bf16, f16, fp8 or int8 (bf16)", OPTION_TEXT,
         &r.element, NULL},
        {"--layout", "L", "order in a block: nhd (tokens, heads) or hnd (nhd)", OPTION_TEXT,
         &r.layout, NULL},
        {"--latent", NULL, "one vector a head for both (MLA: --heads 1 --head 576 --latent)",
         OPTION_FLAG, &r.latent, NULL},
        {"--block-tokens", "N", "tokens of a block, where the text does not say it", OPTION_NUMBER,
         &r.block_tokens, NULL},
        {"--pool-blocks", "N", "blocks of the pool, likewise (the highest id and one)",
         OPTION_NUMBER, &r.pool_blocks, NULL},
        {"--null-block", "ID", "stands for tokens that are not kept; leaves them out (vLLM: 0)",
         OPTION_NUMBER, &r.null_block, NULL},
        {"--shared", NULL, "blocks may be named twice: sequences share prefixes", OPTION_FLAG,
         &r.shared, NULL},
        {"--time", NULL, "times a decode step through it, and checks the bits", OPTION_FLAG,
         &r.time, NULL},
        {"--device", "DEV", "for --time: cpu, cuda[:N] or simt (a GPU if one works, else cpu)",
         OPTION_TEXT, &r.device, NULL},
        {"--json", NULL, "the answer as JSON", OPTION_FLAG, &r.json, NULL},
        {"--example", NULL, "prints a table in this format", OPTION_FLAG, &r.example, NULL},
        {"--help", NULL, "this text", OPTION_FLAG, &r.help, NULL},
        {"--version", NULL, "the version", OPTION_FLAG, &r.version, NULL},
        {"--describe", NULL, NULL, OPTION_FLAG, &r.describe, NULL}, /* for `nanolab --help` */
    };
    const char **positional = calloc((size_t)argc + 1, sizeof *positional);
    struct options parser = {.program = PROGRAM,
                             .help_command = PROGRAM " --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = positional};
    int status = positional ? options_parse(&parser, argc, argv) : EXIT_USAGE;
    r.file = status == 0 && parser.positional_count ? positional[0] : NULL;
    if (status == 0 && parser.positional_count > 1)
        status = options_fail(&parser, "one table at a time; \"%s\" is too much", positional[1]);
    free(positional);
    if (status)
        return options_report();
    if (r.help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return finish(EXIT_DONE);
    }
    if (r.describe) {
        puts("{\"arguments\": \"FILE\", "
             "\"summary\": \"where the blocks of a paged KV cache lie, and what that costs\"}");
        return finish(EXIT_DONE);
    }
    if (r.version) {
        printf("nanolab %s\n", build_version());
        return finish(EXIT_DONE);
    }
    return finish(r.example ? example(&parser, &r) : kvmap(&parser, &r));
}
