/*
 * company.c: request 0 alone, and as one row of a batch. The arithmetic of a row is its own: no
 * other row's number enters it. What others can change is how it is staged, where the number of
 * rows decides that.
 *
 * So each batch is run thrice. Request 0 alone; with its company; and alone again while the rule
 * counts as many rows as the company had. Where the last two have the same bits, the number of rows
 * is all that did it, by way of the plan. The model of the bits is asked in this last way: what it
 * says of request 0 it says without having seen the others.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labs/09-batch-invariance/invariance.h"

enum { STEPS = 6, BATCHES_MOST = 6 };

static size_t batches_of(bool brief, const unsigned **list) {
    static const unsigned few[] = {1, 2, 17}, all[] = {1, 2, 8, 17, 33, 64};
    *list = brief ? few : all;
    return brief ? 3 : 6;
}

/* Logits of request 0 at STEPS steps: it reads the last tokens of its prompt one by one (where a
 * row takes long, the first ones) beside batch - 1 others who read theirs, each from somewhere
 * else. */
static int with_company(const struct stage *stage, const struct decoder_way *way, unsigned batch,
                        unsigned counted, float *logits, char *why) {
    const struct decoder *d = way->model->decoder;
    struct decoder_cache cache;
    struct decoder_row row[64];
    unsigned at[64], longest = 0;
    for (unsigned s = 0; s < batch; s++) {
        const unsigned tokens = (unsigned)stage->prompt[s % QUESTIONS].count;
        longest = tokens > longest ? tokens : longest;
        at[s] = s == 0 && !stage->simulated ? tokens - STEPS : s % 8;
    }
    if (decoder_cache_open(&cache, d, (enum decoder_rounding)way->plan.rounding, batch, longest,
                           why) != 0)
        return -1;
    struct decoder_step step = {.decoder = d,
                                .cache = &cache,
                                .plan = way->plan,
                                .engine = way->engine,
                                .device = way->device,
                                .threads = way->threads,
                                .row = row};
    int status = 0;
    /* What lies before is computed for each by itself, and the same way every time. */
    for (unsigned s = 0; s < batch && status == 0; s++)
        for (unsigned i = 0; i < at[s] && status == 0; i += step.rows) {
            for (step.rows = 0; step.rows < 64 && i + step.rows < at[s]; step.rows++)
                row[step.rows] = (struct decoder_row){
                    stage->prompt[s % QUESTIONS].id[i + step.rows], s, i + step.rows, false};
            step.counted = 1;
            status = decoder_run(&step, NULL, why);
        }
    step.counted = counted;
    step.rows = batch;
    /* Everybody wants logits; only the first one's are kept. */
    float *all = malloc((size_t)batch * d->vocabulary * sizeof(*all));
    for (unsigned n = 0; all && n < STEPS && status == 0; n++) {
        for (unsigned s = 0; s < batch; s++)
            row[s] = (struct decoder_row){stage->prompt[s % QUESTIONS].id[at[s] + n], s, at[s] + n,
                                          true};
        status = decoder_run(&step, all, why);
        if (status == 0)
            memcpy(logits + n * d->vocabulary, all, d->vocabulary * sizeof(*all));
    }
    status = all ? status : -1;
    free(all);
    decoder_cache_close(&cache);
    return status;
}

struct trio {
    float *alone, *with, *counted, *said;
};

static int record_batch(const struct stage *stage, struct lab_case *c, enum rule rule,
                        unsigned batch, bool first, const struct trio *t, char *why) {
    const size_t vocabulary = stage->model.decoder->vocabulary, n = STEPS * vocabulary;
    struct decoder_way way = stage_way(stage, rule), model = way;
    model.engine = DECODER_MODEL;
    /* A fixed plan has one prediction for all batches: it is there from the first on. */
    const bool known = way.plan.rule == DECODER_FIXED && !first;
    if ((!known && with_company(stage, &model, 1, batch, t->said, why) != 0) ||
        (first && with_company(stage, &way, 1, 0, t->alone, why) != 0) ||
        with_company(stage, &way, batch, 0, t->with, why) != 0 ||
        with_company(stage, &way, 1, batch, t->counted, why) != 0)
        return -1;
    case_row(c);
    case_cell_int(c, "batch", batch);
    case_cell_int(c, "logits", (int64_t)n);
    case_cell_int(c, "other bits", (int64_t)other_bits(t->alone, t->with, n));
    case_cell_int(c, "steps", STEPS);
    case_cell_int(c, "other tokens", (int64_t)other_tokens(t->alone, t->with, STEPS, vocabulary));
    case_cell_int(c, "unexplained", (int64_t)other_bits(t->counted, t->with, n));
    case_cell_int(c, "wrong bits", (int64_t)other_bits(t->said, t->with, n));
    return 0;
}

static int one_case(struct lab_run *run, const struct stage *stage, struct lab_case *c,
                    enum rule rule) {
    const size_t n = STEPS * (size_t)stage->model.decoder->vocabulary;
    const unsigned *batches;
    const size_t count = batches_of(stage->brief, &batches);
    float *memory = malloc(4 * n * sizeof(*memory));
    char why[GGUF_WHY] = "no memory for logits";
    int status = memory ? 0 : -1;
    stage_params(c, stage, rule);
    for (size_t i = 0; i < count && status == 0; i++) {
        const struct trio t = {memory, memory + n, memory + 2 * n, memory + 3 * n};
        status = record_batch(stage, c, rule, batches[i], i == 0, &t, why);
    }
    free(memory);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return lab_error(run, "%s", why);
}

int sweep_company(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_on(run, device);
    if (!stage)
        return -1;
    /* Floats are for the plot: no claim asks them. */
    const int rules = lab_mode(run) == LAB_QUICK ? RULE_HEURISTIC_F32 : RULES;
    lab_expect(run, (uint64_t)rules);
    for (int rule = 0; rule < rules && !lab_stopping(run); rule++) {
        struct lab_case *c = lab_case_begin(run, device_id(device), "09/company/%s/rule=%s",
                                            stage->model.name, rule_names[rule]);
        if (c && one_case(run, stage, c, (enum rule)rule) != 0)
            return -1;
    }
    return 0;
}

/* --- checks ------------------------------------------------------------------------------------
 */

/* The bits of every row were said, and the same batch again is the same. */
static void controls(const struct rows *rows, size_t k, struct finding *f) {
    if (row_number(rows, k, "batch") == 1)
        finding_control(f, answer_if(row_number(rows, k, "other bits") == 0),
                        "alone again, a request has the same bits");
    finding_control(f, answer_if(row_number(rows, k, "wrong bits") == 0),
                    "every logit has the bits that the model of the plan says");
}

/* --- B1: a request's logits depend on who shares its batch ---------------------------------------
 */
void check_company(const struct rows *rows, struct finding *f) {
    double other = 0, logits = 0, tokens = 0, steps = 0;
    for (size_t k = 0; k < rows->count; k++) {
        if (!row_is(rows, k, "rule", "heuristic"))
            continue;
        controls(rows, k, f);
        finding_control(f, answer_if(row_number(rows, k, "unexplained") == 0),
                        "the number of rows alone, by the plan, gives the bits of the batch");
        if (!(row_number(rows, k, "batch") > 1))
            continue;
        finding_count(f, answer_if(row_number(rows, k, "other bits") > 0), rows, k);
        other += row_number(rows, k, "other bits");
        logits += row_number(rows, k, "logits");
        tokens += row_number(rows, k, "other tokens");
        steps += row_number(rows, k, "steps");
        finding_number(f, "1",
                       number(row_number(rows, k, "other bits") / row_number(rows, k, "logits")),
                       "batch of %.0f: logits with other bits", row_number(rows, k, "batch"));
    }
    finding_say(f,
                "%.0f %% of a request's logits have other bits in company, and %.0f of %.0f "
                "tokens are others%s",
                100 * other / fmax(logits, 1), tokens, steps, on_weights(rows));
    finding_settle(f, SETTLE_ANY, "in none of the batches");
}

/* --- B2: a fixed plan makes them independent -----------------------------------------------------
 */
void check_fixed(const struct rows *rows, struct finding *f) {
    double most = 0;
    for (size_t k = 0; k < rows->count; k++) {
        if (!row_is(rows, k, "rule", "fixed"))
            continue;
        controls(rows, k, f);
        if (!(row_number(rows, k, "batch") > 1))
            continue;
        finding_count(f, answer_if(row_number(rows, k, "other bits") == 0), rows, k);
        most = row_number(rows, k, "batch") > most ? row_number(rows, k, "batch") : most;
    }
    finding_say(f,
                "in %.0f of %.0f batches of up to %.0f a request has the bits that it has alone%s",
                (double)f->held, (double)(f->held + f->against), most, on_weights(rows));
    finding_settle(f, SETTLE_ALL, "some of the batches");
}

/* --- B4: splitting K is the only cause -----------------------------------------------------------
 */
void check_split_alone(const struct rows *rows, struct finding *f) {
    double other = 0, logits = 0;
    for (size_t k = 0; k < rows->count; k++) {
        if (!row_is(rows, k, "rule", "lanes"))
            continue;
        controls(rows, k, f);
        if (!(row_number(rows, k, "batch") > 1))
            continue;
        finding_count(f, answer_if(row_number(rows, k, "other bits") == 0), rows, k);
        other += row_number(rows, k, "other bits");
        logits += row_number(rows, k, "logits");
    }
    finding_say(f,
                "with K never split, %.0f %% of logits still have other bits: one row has a "
                "kernel of its own%s",
                100 * other / fmax(logits, 1), on_weights(rows));
    finding_settle(f, SETTLE_ALL, "some of the batches");
}
