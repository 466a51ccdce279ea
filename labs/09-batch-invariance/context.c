/*
 * context.c: S7. A request with a long context, and others with short ones. Over more than four
 * tiles of tokens attention is split, so that all processors have something to do, and into how
 * many parts follows from how many requests there are: the more of them, the fewer parts.
 *
 * Products are staged alike in all of these batches: K is not split, and from two rows on there are
 * 16 lanes. What differs is the attention's splits alone. So the reference is the request in a
 * batch of two, and as many splits as there must give its bits.
 *
 * The context is computed once, and copied by nobody: each batch computes the same next tokens from
 * it again.
 */
#include <math.h>
#include <stdlib.h>

#include "kernels/paged_attention/paged.h"
#include "labs/09-batch-invariance/invariance.h"

enum { LONG = 330, STEPS_MOST = 4, BATCH_MOST = 64, TILE = 64, PROCESSORS = 132, CHUNK = 64 };

static const struct {
    const char *name, *plan;
} kinds[] = {
    {"splits", "f32.heuristic.k1.l16.n1.s8"},
    {"splits-bf16", "bf16.heuristic.k1.l16.n1.s8"},
    {"fixed", "f32.fixed.k1.l16.n1.s1"},
    {"fixed-4", "bf16.fixed.k1.l16.n1.s4"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct context {
    struct decoder_way way;
    struct decoder_cache cache;
    uint32_t token[LONG + STEPS_MOST];
    const unsigned *batches;
    size_t count;
    unsigned steps;
};

/* With --quick two batches and one step of a large model: the fewest that show it. */
static void choose(const struct lab_run *run, bool real, struct context *c) {
    static const unsigned few[] = {2, 36}, all[] = {2, 8, 17, 36, 64};
    const bool quick = lab_mode(run) == LAB_QUICK && real;
    c->batches = quick ? few : all;
    c->count = quick ? sizeof few / sizeof *few : sizeof all / sizeof *all;
    c->steps = quick ? 1 : STEPS_MOST;
}

static unsigned splits_of(const struct context *c, unsigned batch) {
    const struct decoder_plan *plan = &c->way.plan;
    if (plan->rule == DECODER_FIXED)
        return (unsigned)plan->splits;
    return paged_split_heuristic(batch * c->way.model->decoder->kv_heads, PROCESSORS,
                                 (LONG + TILE) / TILE, (unsigned)plan->splits);
}

static struct decoder_step step_of(struct context *c, enum decoder_engine engine) {
    return (struct decoder_step){.decoder = c->way.model->decoder,
                                 .cache = &c->cache,
                                 .plan = c->way.plan,
                                 .engine = engine,
                                 .threads = c->way.threads,
                                 .processors = PROCESSORS};
}

static int open_context(const struct stage *stage, int kind, struct context *c, char *why) {
    struct decoder_row row[CHUNK];
    c->way = stage_way(stage, RULE_FIXED);
    stage_long_text(stage, c->token, LONG + STEPS_MOST);
    if (decoder_plan_parse(kinds[kind].plan, &c->way.plan, why) != 0 ||
        decoder_cache_open(&c->cache, c->way.model->decoder,
                           (enum decoder_rounding)c->way.plan.rounding, BATCH_MOST,
                           LONG + STEPS_MOST, why) != 0)
        return -1;
    struct decoder_step step = step_of(c, c->way.engine);
    step.row = row;
    for (unsigned i = 0; i < LONG; i += step.rows) {
        for (step.rows = 0; step.rows < CHUNK && i + step.rows < LONG; step.rows++)
            row[step.rows] = (struct decoder_row){c->token[i + step.rows], 0, i + step.rows, false};
        if (decoder_run(&step, NULL, why) != 0)
            return -1;
    }
    return 0;
}

/* Logits of request 0, [steps][vocabulary]; the others are at their first tokens. */
static int next_tokens(const struct stage *stage, struct context *c, enum decoder_engine engine,
                       unsigned batch, float *logits, char *why) {
    struct decoder_row row[BATCH_MOST];
    struct decoder_step step = step_of(c, engine);
    step.row = row;
    step.rows = batch;
    int status = 0;
    for (unsigned n = 0; n < c->steps && status == 0; n++) {
        row[0] = (struct decoder_row){c->token[LONG + n], 0, LONG + n, true};
        for (unsigned s = 1; s < batch; s++)
            row[s] = (struct decoder_row){stage->prompt[s % QUESTIONS].id[n], s, n, false};
        status = decoder_run(&step, logits + (size_t)n * c->way.model->decoder->vocabulary, why);
    }
    return status;
}

static int one_case(struct lab_run *run, const struct stage *stage, struct lab_case *record,
                    int kind) {
    struct context c = {0};
    char why[GGUF_WHY] = "no memory for logits";
    choose(run, stage->model.real, &c);
    const size_t vocabulary = stage->model.decoder->vocabulary, n = c.steps * vocabulary;
    float *memory = malloc(3 * n * sizeof(*memory)), *two = memory, *seen, *said;
    int status = memory ? open_context(stage, kind, &c, why) : -1;
    case_param_text(record, "model", stage->model.name);
    case_param_text(record, "rule", kinds[kind].name);
    case_param_int(record, "tokens", LONG);
    if (status == 0)
        case_plan(record, decoder_plan_json(&c.way.plan));
    for (size_t i = 0; i < c.count && status == 0; i++) {
        seen = i == 0 ? two : memory + n;
        said = memory + 2 * n;
        status = next_tokens(stage, &c, DECODER_MODEL, c.batches[i], said, why) != 0 ||
                         next_tokens(stage, &c, c.way.engine, c.batches[i], seen, why) != 0
                     ? -1
                     : 0;
        if (status != 0)
            break;
        case_row(record);
        case_cell_int(record, "batch", c.batches[i]);
        case_cell_int(record, "splits", splits_of(&c, c.batches[i]));
        case_cell_int(record, "splits of two", splits_of(&c, c.batches[0]));
        case_cell_int(record, "logits", (int64_t)n);
        case_cell_int(record, "other bits", (int64_t)other_bits(two, seen, n));
        case_cell_int(record, "steps", c.steps);
        case_cell_int(record, "other tokens",
                      (int64_t)other_tokens(two, seen, c.steps, vocabulary));
        case_cell_int(record, "wrong bits", (int64_t)other_bits(said, seen, n));
    }
    free(memory);
    decoder_cache_close(&c.cache);
    if (status == 0)
        return lab_case_end(record);
    lab_case_drop(record);
    return lab_error(run, "%s", why);
}

int sweep_context(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_of(run);
    if (!stage)
        return -1;
    /* The last kind says that a fixed number of splits, too, has one result: not with --quick. */
    const int count = lab_mode(run) == LAB_QUICK && stage->model.real ? KINDS - 1 : KINDS;
    lab_expect(run, (uint64_t)count);
    for (int kind = 0; kind < count && !lab_stopping(run); kind++) {
        struct lab_case *c = lab_case_begin(run, device_id(device), "09/context/%s/rule=%s",
                                            stage->model.name, kinds[kind].name);
        if (c && one_case(run, stage, c, kind) != 0)
            return -1;
    }
    return 0;
}

/* --- S7: the splits of attention change bits, too ------------------------------------------------
 *
 * Asked with floats between kernels. Rounded to bfloat16, a small difference in attention may
 * vanish before it comes to a logit: how many are left is said beside it.
 */
void check_context(const struct rows *rows, struct finding *f) {
    double other[2] = {0}, logits[2] = {0};
    for (size_t k = 0; k < rows->count; k++) {
        const double splits = row_number(rows, k, "splits"),
                     of_two = row_number(rows, k, "splits of two");
        const bool differs = row_number(rows, k, "other bits") > 0,
                   rounds = row_is(rows, k, "rule", "splits-bf16");
        finding_control(f, answer_if(row_number(rows, k, "wrong bits") == 0),
                        "every logit has the bits that the model of the plan says");
        if (splits == of_two)
            finding_control(f, answer_if(!differs), "as many splits give the same bits");
        if (splits == of_two || !(splits > 0))
            continue;
        other[rounds] += row_number(rows, k, "other bits");
        logits[rounds] += row_number(rows, k, "logits");
        finding_number(f, "1",
                       number(row_number(rows, k, "other bits") / row_number(rows, k, "logits")),
                       "batch of %.0f, %.0f splits in place of %.0f%s: logits with other bits",
                       row_number(rows, k, "batch"), splits, of_two, rounds ? ", bfloat16" : "");
        if (!rounds)
            finding_count(f, answer_if(differs), rows, k);
    }
    finding_say(f,
                "other splits of attention change %.0f %% of logits, and %.0f %% with bfloat16 "
                "between kernels%s",
                100 * other[0] / fmax(logits[0], 1), 100 * other[1] / fmax(logits[1], 1),
                on_weights(rows));
    finding_settle(f, SETTLE_ALL, "some of the batches");
}
