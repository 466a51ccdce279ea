/*
 * kvmap_answer.h: what `nanolab kvmap` finds in a table, for people and as JSON. A header, because
 * a tool is linked from its own file and the archives; only kvmap.c reads it.
 */
#ifndef NANOLAB_LABS_04_KVMAP_ANSWER_H
#define NANOLAB_LABS_04_KVMAP_ANSWER_H

#include <jansson.h>
#include <stdio.h>

#include "tools/kvmap_time.h"

struct kvmap_answer {
    const struct kvmap_step *step;
    bool shared;
    struct kv_map_stats stats;
    double tokens, bytes, distinct_bytes; /* of a step */
    size_t rows;                          /* sequences with a block: the fewest runs there can be */
    size_t block_bytes, pages_fewest;
    double waste;            /* of the slots in distinct blocks, those without a token */
    struct kvmap_cost *cost; /* NULL without --time */
};

/* 0, or -1: no memory. */
static int look(const struct kvmap_step *step, struct kvmap_answer *a) {
    const struct kv_table *table = step->shape.table;
    *a = (struct kvmap_answer){.step = step,
                               .block_bytes = paged_block_bytes(&step->plan, &step->shape)};
    a->bytes = paged_kv_bytes(&step->plan, &step->shape);
    a->distinct_bytes = paged_unique_bytes(&step->plan, &step->shape);
    if (a->distinct_bytes < 0 || kv_table_stats(table, a->block_bytes, &a->stats) != 0)
        return -1;
    for (unsigned s = 0; s < table->sequences; s++) {
        a->tokens += table->tokens[s];
        a->rows += table->tokens[s] > 0;
    }
    double slots = 2.0 * (double)a->stats.unique_blocks * (double)a->block_bytes;
    if (slots > 0) {
        a->pages_fewest = (a->stats.unique_blocks * a->block_bytes - 1) / PAGES_HUGE + 1;
        a->waste = 1 - a->distinct_bytes / slots;
    }
    return 0;
}

static const char *element_name(const struct paged_plan *plan) {
    static const char *const names[] = {
        [PAGED_F32] = "f32", [PAGED_BF16] = "bf16", [PAGED_F16] = "f16"};
    return names[plan->element];
}

static const char *layout_name(const struct paged_plan *plan) {
    return plan->layout == PAGED_NHD ? "nhd" : "hnd";
}

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

static void print_cost(const struct kvmap_step *step, const struct kvmap_cost *cost, double bytes) {
    printf("bits       %s through this table and through its blocks in order (%zu numbers)\n",
           cost->same_bits ? "the same" : "NOT THE SAME", cost->outputs);
    if (!cost->timed)
        return;
    printf("time       on %s, %s", device_id(step->device), device_model(step->device));
    if (cost->threads > 0)
        printf(", %u threads, %s, prefetch %s, %s pages", cost->threads, paged_isa_name(cost->isa),
               paged_prefetch_name(cost->prefetch), pages_name(cost->pages));
    putchar('\n');
    static const char *const names[KVMAP_WAYS] = {"this table", "in order"};
    for (int way = 0; way < KVMAP_WAYS; way++)
        printf("           %-12s %.4g ms a step, %.4g GB/s (median of %zu)\n", names[way],
               1e3 * cost->results[way].median, 1e-9 * bytes / cost->results[way].median,
               cost->samples);
    printf("           %-12s %.3f, 95 %% interval %.3f to %.3f: %s\n", "ratio", cost->ratio,
           cost->low, cost->high,
           cost->low > 1    ? "these places cost time here"
           : cost->high < 1 ? "faster than in order"
                            : "no difference seen");
}

static void print_text(const struct kvmap_answer *a) {
    const struct kv_map_stats *s = &a->stats;
    const struct kvmap_step *step = a->step;
    const struct kv_table *table = step->shape.table;
    char size[24], other[24];
    printf("table      %u sequences, %.0f tokens in %zu blocks of %u; %zu distinct, %.3g %% of a "
           "pool of %u\n",
           table->sequences, a->tokens, s->blocks, table->block_tokens, s->unique_blocks,
           100.0 * (double)s->unique_blocks / table->pool_blocks, table->pool_blocks);
    printf("geometry   %u KV heads of %d channels, %s, %s: a block is %s of keys, and as much of "
           "values\n",
           step->shape.kv_heads, step->plan.head, element_name(&step->plan),
           layout_name(&step->plan), size_text((double)a->block_bytes, size));
    if (s->blocks == 0) {
        printf("           no sequence has a token, so there is nothing to look at\n");
        return;
    }
    printf("waste      %.3g %% of the slots in these blocks hold no token\n", 100 * a->waste);
    printf("runs       %zu (%zu at the fewest) of %.3g blocks in the mean, median %zu, longest "
           "%zu:\n",
           s->runs, a->rows, s->run_mean, s->run_median, s->run_longest);
    print_histogram(s);
    printf("copies     %zu to move these sequences elsewhere, one a run, and as many for values\n",
           s->runs);
    printf("pages      %zu of 2 MiB in a pool of keys, %zu at the fewest: %.3g times as many\n",
           s->pages, a->pages_fewest, s->pages_over_ideal);
    printf("steps      %.3g %% of those from a block to the next change the page; %s apart in the "
           "mean\n",
           100 * s->page_switches, size_text(s->jump_mean, size));
    printf("bytes      %s of keys and values in a decode step of a layer, %s of them distinct\n",
           size_text(a->bytes, size), size_text(a->distinct_bytes, other));
    if (a->cost)
        print_cost(step, a->cost, a->bytes);
}

static void put(json_t *o, const char *name, size_t value) {
    json_object_set_new(o, name, json_integer((json_int_t)value));
}

static void put_real(json_t *o, const char *name, double value) {
    json_object_set_new(o, name, json_real(value));
}

static void put_map(json_t *o, const struct kvmap_answer *a) {
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

static void put_cost(json_t *o, const struct kvmap_step *step, const struct kvmap_cost *cost) {
    json_object_set_new(o, "device", json_string(device_id(step->device)));
    json_object_set_new(o, "model", json_string(device_model(step->device)));
    json_object_set_new(o, "same_bits", json_boolean(cost->same_bits));
    json_object_set_new(o, "outputs", json_integer((json_int_t)cost->outputs));
    if (!cost->timed)
        return;
    const struct bench_result *t = cost->results;
    json_t *time = json_pack("{s:[f,f,f], s:[f,f,f], s:f, s:[f,f], s:I}", "table_seconds",
                             t[KVMAP_TABLE].low, t[KVMAP_TABLE].median, t[KVMAP_TABLE].high,
                             "in_order_seconds", t[KVMAP_ORDER].low, t[KVMAP_ORDER].median,
                             t[KVMAP_ORDER].high, "ratio", cost->ratio, "ratio_interval", cost->low,
                             cost->high, "samples", (json_int_t)cost->samples);
    if (time && cost->threads > 0) {
        json_object_set_new(time, "threads", json_integer(cost->threads));
        json_object_set_new(time, "isa", json_string(paged_isa_name(cost->isa)));
        json_object_set_new(time, "prefetch", json_string(paged_prefetch_name(cost->prefetch)));
        json_object_set_new(time, "pages", json_string(pages_name(cost->pages)));
    }
    json_object_set_new(o, "time", time);
}

static int print_json(const struct kvmap_answer *a) {
    const struct kvmap_step *step = a->step;
    const struct kv_table *table = step->shape.table;
    json_t *o = json_object();
    put(o, "sequences", table->sequences);
    put(o, "tokens", (size_t)a->tokens);
    put(o, "block_tokens", table->block_tokens);
    put(o, "pool_blocks", table->pool_blocks);
    json_object_set_new(o, "shared", json_boolean(a->shared));
    put(o, "kv_heads", step->shape.kv_heads);
    put(o, "head", (size_t)step->plan.head);
    json_object_set_new(o, "element", json_string(element_name(&step->plan)));
    json_object_set_new(o, "layout", json_string(layout_name(&step->plan)));
    put(o, "block_bytes", a->block_bytes);
    put_map(o, a);
    if (a->cost)
        put_cost(o, step, a->cost);
    int status = o ? json_dumpf(o, stdout, JSON_INDENT(2)) : -1;
    putchar('\n');
    json_decref(o);
    return status;
}

#endif
