/* stage.c: the model, the questions and the plans that all sweeps stand on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/threads/threads.h"
#include "labs/09-batch-invariance/invariance.h"

const char *const rule_names[RULES] = {"heuristic", "lanes", "fixed", "heuristic-f32"};
const char *const rule_plans[RULES] = {"bf16.heuristic.k8.l16.n1.s1", "bf16.heuristic.k1.l16.n1.s1",
                                       "bf16.fixed.k1.l16.n1.s1", "f32.heuristic.k8.l16.n1.s1"};

static int open_stage(struct lab_run *run, struct stage *stage, bool simulated) {
    char why[GGUF_WHY];
    if ((simulated ? decoder_model_open_small : decoder_model_open)(&stage->model, why) != 0)
        return lab_error(run, "%s", why);
    stage->simulated = simulated;
    stage->brief = simulated || (lab_mode(run) == LAB_QUICK && stage->model.real);
    if (!stage->model.real && !simulated)
        lab_note(run, "no open weights here, so a small model of random ones stands in; make model "
                      "brings them (93 MB)");
    for (size_t i = 0; i < QUESTIONS; i++)
        if (bpe_chat(stage->model.bpe, NULL, decoder_question(i)->text, &stage->prompt[i], why) !=
            0)
            return lab_error(run, "%s", why);
    stage->threads = pool_cpus() < 16 ? pool_cpus() : 16;
    return 0;
}

const struct stage *stage_of(struct lab_run *run) {
    static struct stage stage;
    if (!stage.threads && open_stage(run, &stage, false) != 0)
        return NULL;
    return &stage;
}

const struct stage *stage_on(struct lab_run *run, struct device *device) {
    static struct stage on[DEVICE_KINDS];
    static struct device *opened[DEVICE_KINDS];
    const enum device_kind kind = device_kind(device);
    struct stage *stage = &on[kind];
    char why[GGUF_WHY];
    if (kind == DEVICE_CPU)
        return stage_of(run);
    if (!stage->threads && open_stage(run, stage, device_simulated(kind)) != 0)
        return NULL;
    if (opened[kind] != device) {
        decoder_device_close(stage->there);
        if (decoder_device_open(&stage->there, device, stage->model.decoder, false, why) != 0) {
            lab_error(run, "%s", why);
            return NULL;
        }
        opened[kind] = device;
    }
    return stage;
}

void stage_long_text(const struct stage *stage, uint32_t *id, size_t count) {
    for (size_t i = 0, q = 0, at = 0; i < count; i++) {
        if (at == stage->prompt[q].count) {
            q = (q + 1) % QUESTIONS;
            at = 0;
        }
        id[i] = stage->prompt[q].id[at++];
    }
}

struct decoder_way stage_way(const struct stage *stage, enum rule rule) {
    struct decoder_way way = {.model = &stage->model,
                              .engine = decoder_engine_best(),
                              .threads = stage->threads,
                              .device = stage->there};
    decoder_plan_parse(rule_plans[rule], &way.plan, NULL);
    return way;
}

void stage_params(struct lab_case *c, const struct stage *stage, enum rule rule) {
    case_param_text(c, "model", stage->model.name);
    case_param_text(c, "rule", rule_names[rule]);
    const struct decoder_way way = stage_way(stage, rule);
    case_plan(c, decoder_plan_json(&way.plan));
}

size_t other_bits(const float *a, const float *b, size_t n) {
    size_t other = 0;
    for (size_t i = 0; i < n; i++)
        other += memcmp(&a[i], &b[i], sizeof *a) != 0;
    return other;
}

size_t other_tokens(const float *a, const float *b, size_t rows, size_t vocabulary) {
    size_t other = 0;
    for (size_t r = 0; r < rows; r++)
        other += decoder_greedy(a + r * vocabulary, vocabulary) !=
                 decoder_greedy(b + r * vocabulary, vocabulary);
    return other;
}

const char *on_weights(const struct rows *rows) {
    for (size_t k = 0; k < rows->count; k++)
        if (row_is(rows, k, "model", "random-2x192"))
            return ", on random weights";
    return "";
}
