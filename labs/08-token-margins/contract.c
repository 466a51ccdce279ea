/*
 * contract.c: M4. The decoding contract (greedy, top-p, a temperature, a word to stop at) is no
 * part of the model: the same logits, and even the same random numbers, give other texts.
 *
 * First on four steps that can be worked out by hand, whose texts are known; then on the logits of
 * the model, step by step along its own text.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/decoder_sample.h"
#include "kernels/rng/philox.h"
#include "labs/08-token-margins/margins.h"

/* --- worked out by hand ------------------------------------------------------------------------
 */

enum { STEPS = 4, WORDS = 3, STREAM = 8 };

struct told {
    const char *name;
    struct decoder_contract contract;
    const char *stop; /* a word that ends the text and is not part of it */
    const char *text; /* what it has to be */
};
static const struct told told[] = {
    {"greedy", {0, 1}, NULL, "APPROVE ALL REFUNDS ."},
    {"top-p 0.80", {1.0, 0.80}, NULL, "APPROVE ALL REFUNDS"},
    {"top-p 0.80, T 1.6", {1.6, 0.80}, NULL, "APPROVE ALL ."},
    {"greedy, stop at ALL", {0, 1}, "ALL", "APPROVE"},
};
static const struct {
    const char *word[WORDS];
    float logit[WORDS];
    size_t count;
    double uniform;
} steps[STEPS] = {
    {{"APPROVE", "REVIEW", "DENY"}, {2.60f, 2.55f, 1.10f}, 3, 0.323833},
    {{"ALL", "REFUNDS", "."}, {2.20f, 2.10f, 0.40f}, 3, 0.226706},
    {{"REFUNDS", ".", ""}, {2.40f, 1.90f, 1.20f}, 3, 0.463007},
    {{".", "", ""}, {2.10f, 1.90f}, 2, 0.571403},
};

/* "" is the end. */
static void tell(const struct told *t, char *out, size_t bytes) {
    *out = 0;
    for (int s = 0; s < STEPS; s++) {
        const uint32_t token =
            decoder_sample(&t->contract, steps[s].logit, steps[s].count, steps[s].uniform);
        const char *word = token < WORDS ? steps[s].word[token] : "";
        if (!*word || (t->stop && strcmp(word, t->stop) == 0))
            return;
        snprintf(out + strlen(out), bytes - strlen(out), "%s%s", *out ? " " : "", word);
    }
}

static int by_hand(struct lab_run *run, struct device *device) {
    struct lab_case *c = lab_case_begin(run, device_id(device), "08/contract/by-hand");
    if (!c)
        return 0;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        char text[64];
        tell(&told[i], text, sizeof text);
        case_row(c);
        case_cell_text(c, "contract", told[i].name);
        case_cell_text(c, "text", text);
        case_cell_int(c, "as worked out", strcmp(text, told[i].text) == 0);
    }
    return lab_case_end(c);
}

/* --- on a model's logits -----------------------------------------------------------------------
 */

static const struct {
    const char *name;
    struct decoder_contract contract;
} contracts[] = {
    {"greedy", {0, 1}},
    {"top-p 0.80", {1.0, 0.80}},
    {"top-p 0.95, T 0.7", {0.7, 0.95}},
    {"top-p 0.80, T 1.6", {1.6, 0.80}},
};

static int record(struct lab_run *run, const struct stage *stage, struct lab_case *c, size_t q) {
    const size_t vocabulary = stage->model.decoder->vocabulary;
    const unsigned n = stage->length[q];
    const struct decoder_way way = stage_way(stage, BF16_K1);
    char why[GGUF_WHY] = "no memory for the logits of a text";
    float *logits = malloc(n * vocabulary * sizeof(*logits));
    int status = logits ? decoder_teach(&way, &stage->prompt[q], stage->text + q * stage->most, n,
                                        n + (unsigned)stage->prompt[q].count, logits, why)
                        : -1;
    if (status == 0)
        stage_params(c, stage, q);
    for (size_t i = 0; status == 0 && i < sizeof contracts / sizeof *contracts; i++) {
        int64_t others = 0;
        for (unsigned s = 0; s < n; s++) {
            const double uniform = philox_unit(philox_u64(lab_seed(run), STREAM, q << 32 | s));
            others +=
                decoder_sample(&contracts[i].contract, logits + s * vocabulary, vocabulary,
                               uniform) != decoder_greedy(logits + s * vocabulary, vocabulary);
        }
        case_row(c);
        case_cell_text(c, "contract", contracts[i].name);
        case_cell_int(c, "steps", n);
        case_cell_int(c, "other tokens", others);
    }
    free(logits);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return lab_error(run, "%s", why);
}

int sweep_contracts(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_of(run);
    if (!stage)
        return -1;
    lab_expect(run, stage_answered(stage) + 1);
    if (by_hand(run, device) != 0)
        return -1;
    for (size_t q = 0; q < stage->questions && !lab_stopping(run); q++) {
        struct lab_case *c = lab_case_begin(run, device_id(device), "08/contract/%s/question=%zu",
                                            stage->model.name, q);
        if (!c)
            continue;
        if (stage->length[q] == 0)
            lab_case_drop(c);
        else if (record(run, stage, c, q) != 0)
            return -1;
    }
    return 0;
}

/* --- M4 ----------------------------------------------------------------------------------------
 */
void check_contracts(const struct rows *rows, struct finding *f) {
    double other = 0, all = 0;
    for (size_t k = 0; k < rows->count; k++) {
        if (row_has(rows, k, "as worked out")) {
            finding_control(f, answer_if(row_number(rows, k, "as worked out") == 1),
                            "four steps worked out by hand give the texts that they should");
            continue;
        }
        if (row_is(rows, k, "contract", "greedy") || !(row_number(rows, k, "steps") > 0))
            continue;
        all += row_number(rows, k, "steps");
        other += row_number(rows, k, "other tokens");
        finding_count(f, answer_if(row_number(rows, k, "other tokens") > 0), rows, k);
    }
    if (all > 0)
        finding_number(f, "1", number_share(other, all), "tokens that are not the greedy one");
    finding_say(f, "on the same logits %.0f of %.0f tokens are others than the greedy one%s", other,
                all, on_weights(rows));
    finding_settle(f, SETTLE_MOST, "some of the texts");
}
