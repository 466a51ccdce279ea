/*
 * prompt.c: whether a prompt is computed as fast as its products alone could be. A prompt has many
 * rows, and so its products are bound by arithmetic: beside it stand the same products as lab 03's
 * fastest kernel on this processor does them, with weights that were brought into its order
 * beforehand, and nothing between them. Both are measured in turns.
 */
#include <math.h>
#include <stdlib.h>

#include "harness/lab/contest.h"
#include "kernels/decoder/decoder_job.h"
#include "kernels/mma/mma_cpu.h"
#include "labs/09-batch-invariance/invariance.h"

enum { TOKENS = 128, THREADS_MOST = 2 };

/* --- the products alone ------------------------------------------------------------------------
 */

/* A layer's shapes: queries and outputs of attention; keys and values; gate and up; down. */
enum { SHAPES = 4 };
struct products {
    struct mma_operands operands[SHAPES];
    struct job job[SHAPES];
    unsigned times[SHAPES], layers;
};

static int call(void *context) {
    const struct products *p = context;
    for (unsigned l = 0; l < p->layers; l++)
        for (int s = 0; s < SHAPES; s++)
            for (unsigned i = 0; i < p->times[s]; i++)
                if (job_call(&p->job[s]) != 0)
                    return -1;
    return 0;
}

static int prove(void *context) {
    const struct products *p = context;
    for (int s = 0; s < SHAPES; s++)
        if (job_prove(&p->job[s]) != 0)
            return -1;
    return 0;
}

static struct json_t *plan(const void *context) {
    return job_plan(&((const struct products *)context)->job[0]);
}

static void close_products(void *context) {
    struct products *p = context;
    for (int s = 0; s < SHAPES; s++) {
        job_close(&p->job[s]);
        mma_operands_close(&p->operands[s]);
    }
    free(p);
}

static int open_products(struct job *out, struct device *device, const struct decoder *d,
                         unsigned threads, uint64_t seed) {
    const size_t keys = (size_t)d->kv_heads * d->head;
    const struct {
        size_t outputs, inputs;
        unsigned times;
    } of[SHAPES] = {{d->width, d->width, 2},
                    {keys, d->width, 2},
                    {d->feed, d->width, 2},
                    {d->width, d->feed, 1}};
    struct products *p = calloc(1, sizeof(*p));
    if (!p)
        return device_fail("no memory for products");
    p->layers = d->layers;
    const struct mma_cpu_plan best =
        mma_cpu_plan_default(mma_cpu_isa_best(ELEMENT_BF16), (int)threads);
    *out = (struct job){
        .context = p, .call = call, .prove = prove, .plan = plan, .close = close_products};
    for (int s = 0; s < SHAPES; s++) {
        const struct mma_problem problem = {
            .shape = {TOKENS, of[s].outputs, of[s].inputs}, .in = ELEMENT_BF16, .out = ELEMENT_F32};
        p->times[s] = of[s].times;
        if (mma_operands_open(&p->operands[s], &problem, MMA_FILL_NORMAL, seed) != 0 ||
            mma_cpu_job_open(&p->job[s], device, &p->operands[s], &best) != 0) {
            job_close(out);
            return -1;
        }
        out->flops += (double)p->layers * of[s].times * p->job[s].flops;
    }
    return 0;
}

/* --- the contest -------------------------------------------------------------------------------
 */

#define TERM(value, name) {value, name},
static const struct {
    enum decoder_terms value;
    const char *name;
} terms[] = {DECODER_TERMS(TERM)};

static int enter(struct lab_run *run, struct device *device, const struct stage *stage,
                 struct contest *c) {
    const unsigned threads = stage->threads < THREADS_MOST ? stage->threads : THREADS_MOST;
    struct job job;
    if (open_products(&job, device, stage->model.decoder, threads, lab_seed(run)) != 0)
        return lab_error(run, "%s: %s", device_id(device), device_error());
    struct entrant *products = contest_enter(c, &job, "products");
    case_param_text(entrant_case(products), "model", stage->model.name);
    case_param_text(entrant_case(products), "instructions",
                    mma_cpu_isa_name(mma_cpu_isa_best(ELEMENT_BF16)));
    case_param_int(entrant_case(products), "tokens", TOKENS);
    for (size_t t = 0; t < sizeof terms / sizeof *terms; t++) {
        const char *name = terms[t].name;
        struct decoder_way way = stage_way(stage, RULE_FIXED);
        way.threads = threads;
        way.plan.terms = terms[t].value;
        if (decoder_prompt_job_open(&job, &way, TOKENS) != 0)
            return lab_error(run, "%s: %s", device_id(device), device_error());
        struct entrant *prompt = contest_enter(c, &job, "prompt/%s", name);
        case_param_text(entrant_case(prompt), "model", stage->model.name);
        case_param_text(entrant_case(prompt), "terms", name);
        case_param_text(entrant_case(prompt), "instructions", decoder_engine_name(way.engine));
        case_param_int(entrant_case(prompt), "tokens", TOKENS);
        entrant_over(prompt, products, "over products");
    }
    return 0;
}

int sweep_prompt(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_of(run);
    if (!stage)
        return -1;
    struct contest *c =
        contest_open(run, device, "09/prompt/%s/tokens=%d", stage->model.name, TOKENS);
    if (!c)
        return contest_skipped(run);
    return enter(run, device, stage, c) == 0 ? contest_end(c) : contest_drop(c);
}

/* --- 09.5: a prompt is computed at 0.6 of the speed of its products alone ------------------------
 */
void check_prompt(const struct rows *rows, struct finding *f) {
    double least = INFINITY, most = 0;
    const char *instructions = "";
    if (*on_weights(rows)) {
        finding_not_testable(f, "the small random model is not bound by its products; make model "
                                "brings one that is");
        return;
    }
    for (size_t k = 0; k < rows->count; k++) {
        if (!row_has(rows, k, "over products")) {
            instructions = row_text(rows, k, "instructions");
            continue;
        }
        const struct ratio speed = ratio_inverse(row_ratio(rows, k, "over products"));
        finding_count(f, answer_above(speed, 0.6), rows, k);
        finding_number(f, "1", speed, "%s: of the speed of its products alone",
                       row_text(rows, k, "terms"));
        least = fmin(least, speed.value);
        most = fmax(most, speed.value);
    }
    finding_say(
        f, "a prompt: %.2f to %.2f of the speed of the fastest matrix kernel (%s) at its products",
        least, most, instructions);
    finding_settle(f, SETTLE_ANY, "by none of the plans");
}
