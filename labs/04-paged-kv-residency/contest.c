/*
 * contest.c: a bench group of steps and readers, from its entrants to its records.
 */
#include "labs/04-paged-kv-residency/contest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/threads/threads.h"

/* --- entering ----------------------------------------------------------------------------------
 */

/* The record that a whole group ends with. */
static int is_group(void *context, const json_t *record) {
    const char *id = json_string_value(json_object_get(record, "id"));
    return id && strcmp(id, context) == 0;
}

static void group_id(const char *prefix, char id[160]) {
    snprintf(id, 160, "%s/group", prefix);
}

bool contest_done(struct lab_run *run, struct device *device, const char *prefix) {
    char id[160];
    group_id(prefix, id);
    return lab_cases(run, id, device_id(device), is_group, id) != 0;
}

static struct entrant *next_entrant(struct contest *contest) {
    if (contest->count == CONTEST_MOST) {
        lab_error(contest->run, "more than %d entrants in a group; raise CONTEST_MOST",
                  CONTEST_MOST);
        return NULL;
    }
    return &contest->entrants[contest->count];
}

struct entrant *contest_step(struct contest *contest, struct cache *cache,
                             const struct paged_plan *plan, unsigned kv_heads,
                             const struct kv_table *table, const char *map, const struct step *like,
                             const char *more) {
    struct entrant *e = next_entrant(contest);
    char text[PLAN_TEXT];
    if (!e)
        return NULL;
    e->step = calloc(1, sizeof *e->step);
    if (!e->step ||
        step_open(e->step, cache, plan, kv_heads, table, like, lab_seed(contest->run)) != 0) {
        lab_error(contest->run, "%s, %s: %s", contest->prefix, map,
                  e->step ? device_error() : "out of memory");
        if (e->step)
            step_close(e->step);
        free(e->step);
        e->step = NULL;
        return NULL;
    }
    e->map = map;
    snprintf(e->arm, sizeof e->arm, "%s", more);
    snprintf(e->id, sizeof e->id, "%s/%s/h%u/batch=%u/tokens=%d/%s%s%s", contest->prefix,
             paged_plan_text(plan, text), kv_heads, table->sequences, table->tokens[0], map,
             *more ? "/" : "", more);
    contest->count++;
    return e;
}

void entrant_over(struct entrant *entrant, const struct entrant *of, const char *label) {
    for (size_t k = 0; of && k < CONTEST_OVERS; k++)
        if (!entrant->over[k].of) {
            entrant->over[k].of = of;
            entrant->over[k].label = label;
            return;
        }
}

void entrant_after_reading(struct entrant *entrant, struct roofs_job *reader, bool rewarm) {
    entrant->before = reader;
    entrant->before_bytes = reader ? roofs_job_bytes(reader) : 0;
    entrant->rewarm = rewarm;
    entrant->alone = reader || rewarm;
}

void entrant_awake(struct entrant *entrant) {
    entrant->rewarm = true;
}

int contest_readers(struct contest *contest, size_t bytes) {
    struct roofs_plan plans[16];
    unsigned threads = device_kind(contest->device) == DEVICE_CPU ? pool_cpus() : 0;
    size_t n = roofs_variants(contest->device, ROOFS_READ, bytes, threads, plans, 16);
    for (size_t k = 0; k < n; k++) {
        struct entrant *e = next_entrant(contest);
        char text[ROOFS_TEXT];
        if (!e)
            return -1;
        if (roofs_job_open(&e->job, contest->room->memory, &plans[k]) != 0)
            return lab_error(contest->run, "%s: %s", contest->prefix, device_error());
        e->reader = plans[k];
        snprintf(e->id, sizeof e->id, "%s/read/%s", contest->prefix,
                 roofs_plan_text(&plans[k], text));
        contest->count++;
    }
    return 0;
}

/* --- measuring ---------------------------------------------------------------------------------
 */

static int call(void *context) {
    struct entrant *e = context;
    return e->step ? step_call(e->step) : roofs_job_call(e->job);
}

static int prepare(void *context) {
    struct entrant *e = context;
    if (e->rewarm && step_call(e->step) != 0)
        return -1;
    return e->before ? roofs_job_call(e->before) : 0;
}

static int validate(void *context) {
    struct entrant *e = context;
    return e->step ? step_validate(e->step) : roofs_job_prove(e->job);
}

/* A walk loads no keys and values: it is given the bytes that it finds the way to, so that its
 * speed over a gather's is time over time. */
static double bytes_of(const struct entrant *e) {
    if (!e->step)
        return roofs_job_bytes(e->job);
    struct paged_plan plan = e->step->plan;
    plan.op = plan.op == PAGED_WALK ? PAGED_GATHER : plan.op;
    return paged_kv_bytes(&plan, &e->step->shape);
}

/* --- recording ---------------------------------------------------------------------------------
 */

struct measured {
    struct contest *contest;
    const struct bench_result *results;
    const struct entrant *roof; /* NULL: there are no readers */
};

static const struct bench_result *result_of(const struct measured *m, const struct entrant *e) {
    return &m->results[e - m->contest->entrants];
}

static const struct entrant *best_reader(const struct measured *m) {
    const struct entrant *best = NULL;
    for (size_t k = 0; k < m->contest->count; k++) {
        const struct entrant *e = &m->contest->entrants[k];
        if (e->job &&
            (!best || result_of(m, e)->bytes_per_second > result_of(m, best)->bytes_per_second))
            best = e;
    }
    return best;
}

/* Speed over speed. The pairs are of times of the same round. */
static int count_ratio(const struct measured *m, struct lab_case *c, const struct entrant *e,
                       const struct entrant *of, const char *name) {
    double ratio, low, high, share = bytes_of(e) / bytes_of(of);
    char counter[80];
    if (bench_ratio(result_of(m, of), result_of(m, e), lab_seed(m->contest->run), &ratio, &low,
                    &high) != 0)
        return lab_error(m->contest->run, "%s and %s share no round to be compared in", e->id,
                         of->id);
    case_counter(c, name, ratio * share);
    snprintf(counter, sizeof counter, "%s low", name);
    case_counter(c, counter, low * share);
    snprintf(counter, sizeof counter, "%s high", name);
    case_counter(c, counter, high * share);
    return 0;
}

static const char *word(const struct paged_plan *plan, enum paged_field_id id) {
    const struct plan_field *field = &paged_family.fields[id];
    int value = plan_get(&paged_family, plan, id);
    for (size_t k = 0; k < field->count; k++)
        if (field->values[k].value == value)
            return field->values[k].word;
    return "?";
}

static void step_params(struct lab_case *c, const struct entrant *e) {
    const struct step *s = e->step;
    const struct paged_plan *plan = &s->plan;
    bool native = device_kind(s->cache->device) == DEVICE_CPU;
    case_plan(c, paged_plan_json(plan));
    case_param_text(c, "what", "step");
    case_param_text(c, "op", word(plan, PAGED_FIELD_op));
    case_param_text(c, "layout", word(plan, PAGED_FIELD_layout));
    case_param_text(c, "element", word(plan, PAGED_FIELD_element));
    case_param_text(c, "rule", word(plan, PAGED_FIELD_rule));
    case_param_text(c, "map", e->map);
    case_param_text(c, "arm", e->arm);
    case_param_int(c, "block", plan->mapping == PAGED_TABLE ? plan->block : 0);
    case_param_int(c, "block bytes",
                   plan->mapping == PAGED_TABLE ? (int64_t)paged_block_bytes(plan, &s->shape) : 0);
    case_param_int(c, "kv heads", s->shape.kv_heads);
    case_param_int(c, "group", plan->group);
    case_param_int(c, "splits", plan->splits);
    case_param_int(c, "splits taken", paged_splits(plan, &s->shape));
    case_param_int(c, "batch", s->table->sequences);
    case_param_int(c, "tokens", s->table->tokens[0]);
    case_param_real(c, "bytes", step_bytes(s));
    case_param_real(c, "unique bytes", step_unique_bytes(s));
    case_param_real(c, "flops", paged_flops(plan, &s->shape));
    case_param_int(c, "pool bytes", (int64_t)(2 * paged_cache_bytes(plan, &s->shape)));
    case_param_text(c, "pages", native ? pages_name(s->cache->kind) : "device");
    case_param_int(c, "threads", native ? s->threads : 0);
    case_param_text(c, "prefetch", native ? paged_prefetch_name(s->prefetch) : "none");
    case_param_text(c, "state", e->before ? "cold" : "warm");
    case_param_real(c, "read before", e->before_bytes);
}

static int record(const struct measured *m, const struct entrant *e) {
    const struct bench_result *r = result_of(m, e);
    struct lab_case *c =
        lab_case_begin(m->contest->run, device_id(m->contest->device), "%s", e->id);
    if (!c)
        return 0;
    if (e->step) {
        step_params(c, e);
    } else {
        char text[ROOFS_TEXT];
        case_param_text(c, "what", "reader");
        case_param_text(c, "kernel", roofs_plan_text(&e->reader, text));
        case_param_int(c, "threads", e->reader.isa == ROOFS_GPU ? 0 : e->reader.threads);
        case_param_real(c, "bytes", bytes_of(e));
    }
    case_bench(c, r);
    case_counter(c, "bytes per second", bytes_of(e) / r->median);
    if (e->step)
        case_counter(c, "unique bytes per second", step_unique_bytes(e->step) / r->median);
    int status = 0;
    if (e->step && m->roof)
        status = count_ratio(m, c, e, m->roof, "roof fraction");
    for (size_t k = 0; k < CONTEST_OVERS && e->over[k].of && status == 0; k++) {
        char name[60];
        snprintf(name, sizeof name, "over %s", e->over[k].label);
        status = count_ratio(m, c, e, e->over[k].of, name);
    }
    if (status != 0) {
        lab_case_drop(c);
        return -1;
    }
    return lab_case_end(c);
}

static int record_group(const struct measured *m) {
    char id[160];
    group_id(m->contest->prefix, id);
    struct lab_case *c = lab_case_begin(m->contest->run, device_id(m->contest->device), "%s", id);
    if (!c)
        return 0;
    case_param_text(c, "what", "group");
    case_param_int(c, "entrants", (int64_t)m->contest->count);
    if (m->roof) {
        char text[ROOFS_TEXT];
        case_param_text(c, "roof kernel", roofs_plan_text(&m->roof->reader, text));
        case_counter(c, "roof bytes per second", result_of(m, m->roof)->bytes_per_second);
    }
    return lab_case_end(c);
}

static int record_all(struct contest *contest, const struct bench_result *results) {
    struct measured m = {.contest = contest, .results = results};
    for (size_t k = 0; k < contest->count; k++)
        if (results[k].stop == BENCH_FAILED)
            return lab_error(contest->run, "%s: %s", contest->entrants[k].id, results[k].error);
    m.roof = best_reader(&m);
    for (size_t k = 0; k < contest->count; k++)
        if (record(&m, &contest->entrants[k]) != 0)
            return -1;
    return record_group(&m);
}

int contest_measure(struct contest *contest) {
    struct bench_case cases[CONTEST_MOST];
    struct bench_result results[CONTEST_MOST];
    const struct bench_options options = {.limits = contest->limits,
                                          .seed = lab_seed(contest->run),
                                          .progress = stop_asked,
                                          .progress_context = contest->run};
    for (size_t k = 0; k < contest->count; k++) {
        struct entrant *e = &contest->entrants[k];
        cases[k] = (struct bench_case){.id = e->id,
                                       .call = call,
                                       .setup = e->before || e->rewarm ? prepare : NULL,
                                       .max_calls = e->alone ? 1 : 0,
                                       .validate = validate,
                                       .context = e,
                                       .device = contest->device,
                                       .bytes_per_call = bytes_of(e)};
    }
    lab_expect(contest->run, contest->count + 1);
    if (bench_run(cases, contest->count, &options, results) != 0)
        return lab_error(contest->run, "%s", bench_error());
    int status = lab_stopping(contest->run) ? 0 : record_all(contest, results);
    for (size_t k = 0; k < contest->count; k++)
        bench_result_free(&results[k]);
    return status;
}

/* --- reading back ------------------------------------------------------------------------------
 */

int ratio_read(const json_t *record, const char *name, struct ratio *out) {
    char low[80], high[80];
    if (!json_is_number(json_object_get(json_object_get(record, "counters"), name)))
        return -1;
    snprintf(low, sizeof low, "%s low", name);
    snprintf(high, sizeof high, "%s high", name);
    out->value = case_number(record, "counters", name);
    out->low = case_number(record, "counters", low);
    out->high = case_number(record, "counters", high);
    return 0;
}
