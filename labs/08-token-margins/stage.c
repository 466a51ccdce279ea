/*
 * stage.c: the model, the questions and one text for each. All plans here are of rule `fixed`, so
 * that texts can be made side by side in one batch: who shares it changes no bit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/threads/threads.h"
#include "labs/08-token-margins/margins.h"

const char *const plan_text_of[PLANS] = {
    [BF16_K1] = "bf16.fixed.k1.l16.n1.s1", [BF16_K2] = "bf16.fixed.k2.l16.n1.s1",
    [BF16_K4] = "bf16.fixed.k4.l16.n1.s1", [BF16_L32] = "bf16.fixed.k1.l32.n1.s1",
    [F32_K1] = "f32.fixed.k1.l16.n1.s1",   [F32_K2] = "f32.fixed.k2.l16.n1.s1",
};

const struct pair pairs[PAIRS] = {
    {"k1-k2", BF16_K1, BF16_K2, "order", "bf16"},
    {"k1-k4", BF16_K1, BF16_K4, "order", "bf16"},
    {"l16-l32", BF16_K1, BF16_L32, "order", "bf16"},
    {"f32-k1-k2", F32_K1, F32_K2, "order", "f32"},
    {"f32-bf16", F32_K1, BF16_K1, "rounding", "both"},
    {"f32-bf16-k2", F32_K1, BF16_K2, "both", "both"},
};

/* --- the stage ---------------------------------------------------------------------------------
 */

struct size {
    size_t questions;
    unsigned tokens;
};

static struct size size_of(const struct lab_run *run, bool real) {
    switch (lab_mode(run)) {
    case LAB_QUICK:
        return real ? (struct size){3, 24} : (struct size){6, 48};
    case LAB_DEFAULT:
        return (struct size){24, 96};
    default:
        return (struct size){24, 256};
    }
}

struct decoder_way stage_way(const struct stage *stage, enum plan_id id) {
    struct decoder_way way = {.model = &stage->model,
                              .engine = decoder_engine_best(),
                              .threads = pool_cpus() < 16 ? pool_cpus() : 16};
    decoder_plan_parse(plan_text_of[id], &way.plan, NULL);
    return way;
}

static int ask(struct lab_run *run, struct stage *stage) {
    char why[GGUF_WHY];
    if (decoder_model_open(&stage->model, why) != 0)
        return lab_error(run, "%s", why);
    if (!stage->model.real)
        lab_note(run, "no open weights here, so a small model of random ones stands in; "
                      "make model brings them (93 MB)");
    struct size size = size_of(run, stage->model.real);
    stage->questions = size.questions;
    stage->most = size.tokens;
    stage->prompt = calloc(stage->questions, sizeof(*stage->prompt));
    if (!stage->prompt)
        return lab_error(run, "no memory");
    for (size_t i = 0; i < stage->questions; i++)
        if (bpe_chat(stage->model.bpe, NULL, decoder_question(i)->text, &stage->prompt[i], why) !=
            0)
            return lab_error(run, "%s", why);
    return 0;
}

static const struct stage *open_stage(struct lab_run *run) {
    static struct stage stage;
    if (!stage.prompt && ask(run, &stage) != 0)
        return NULL;
    return &stage;
}

const struct stage *stage_of(struct lab_run *run) {
    struct stage *stage = (struct stage *)open_stage(run);
    if (stage && !stage->text) {
        const unsigned *length;
        stage->text = (uint32_t *)stage_texts(run, BF16_K1, &length);
        stage->length = (unsigned *)length;
    }
    return stage && stage->text ? stage : NULL;
}

size_t stage_answered(const struct stage *stage) {
    size_t count = 0;
    for (size_t q = 0; q < stage->questions; q++)
        count += stage->length[q] > 0;
    return count;
}

const uint32_t *stage_texts(struct lab_run *run, enum plan_id plan, const unsigned **length) {
    static struct {
        uint32_t *text;
        unsigned *length;
    } made[PLANS];
    const struct stage *stage = open_stage(run);
    char why[GGUF_WHY] = "no memory for texts";
    if (!stage)
        return NULL;
    if (!made[plan].text) {
        const struct decoder_way way = stage_way(stage, plan);
        uint32_t *text = calloc(stage->questions * stage->most, sizeof(*text));
        unsigned *lengths = calloc(stage->questions, sizeof(*lengths));
        if (!text || !lengths ||
            decoder_continue(&way, stage->prompt, stage->questions, stage->most, text, lengths,
                             why) != 0) {
            free(text);
            free(lengths);
            lab_error(run, "%s", why);
            return NULL;
        }
        made[plan].text = text;
        made[plan].length = lengths;
    }
    *length = made[plan].length;
    return made[plan].text;
}

void stage_params(struct lab_case *c, const struct stage *stage, size_t question) {
    case_param_text(c, "model", stage->model.name);
    case_param_int(c, "question", (int64_t)question);
    case_param_text(c, "kind", decoder_question(question)->kind);
    case_param_int(c, "tokens", stage->most);
}

/* --- for checks --------------------------------------------------------------------------------
 */

enum answer answer_seen(struct ratio share) {
    return share.value > 0 ? ANSWER_HELD : answer_above(share, 0.05);
}

const char *on_weights(const struct rows *rows) {
    for (size_t k = 0; k < rows->count; k++)
        if (row_is(rows, k, "model", "random-2x192"))
            return ", on random weights";
    return "";
}
