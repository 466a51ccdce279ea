/*
 * margins.h: what the files of this lab share.
 *
 *     lab.c        the claims, what is recorded, the tables behind the plots
 *     stage.c      the model, the questions and the text that all sweeps stand on
 *     teach.c      M1, M5, M6, Q5, Q6: the same text under two plans, step by step: which tokens
 *                  flip, said by the model of the plans before a kernel runs
 *     free.c       M2, M3, M7: texts that go on by themselves: where they part, and meet again
 *     contract.c   M4: greedy, top-p, temperature, a word to stop at: on the same logits
 *     tables.c     what the plots are drawn from, where it is not one line a row
 */
#ifndef NANOLAB_LABS_08_MARGINS_H
#define NANOLAB_LABS_08_MARGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/lab.h"
#include "harness/lab/tables.h"
#include "kernels/decoder/decoder_text.h"

/* --- plans -------------------------------------------------------------------------------------
 */

enum plan_id { BF16_K1, BF16_K2, BF16_K4, BF16_L32, F32_K1, F32_K2, PLANS };

/* Two plans that differ in one thing. */
struct pair {
    const char *name;
    enum plan_id a, b;
    const char *changes; /* "order" of sums, "rounding" points, or "both" */
    const char *under;   /* the rounding of both; "both" where that is what changes */
};
enum { PAIRS = 6 };
extern const struct pair pairs[PAIRS];
extern const char *const plan_text_of[PLANS];

/* --- stage.c -----------------------------------------------------------------------------------
 */

/* What all sweeps of a run stand on: made at the first call, and the same every time. */
struct stage {
    struct decoder_model model;
    size_t questions;
    unsigned most;             /* tokens of a text */
    struct bpe_tokens *prompt; /* [questions] */
    uint32_t *text;            /* [questions][most]: greedy, under bf16.fixed.k1 */
    unsigned *length;
};
/* NULL after lab_error(). */
const struct stage *stage_of(struct lab_run *run);
/* Questions whose text is not empty: the others have no cases. */
size_t stage_answered(const struct stage *stage);
/* Free continuations under a plan: [questions][most] and lengths, kept as long as the process.
 * NULL after lab_error(). */
const uint32_t *stage_texts(struct lab_run *run, enum plan_id plan, const unsigned **length);
struct decoder_way stage_way(const struct stage *stage, enum plan_id plan);
/* "question" and the rest that every case has. */
void stage_params(struct lab_case *c, const struct stage *stage, size_t question);

/* "Some do", of a share: one that was seen is enough; that none was seen speaks against it once so
 * many were looked at that they are under one in twenty. */
enum answer answer_seen(struct ratio share);
/* ", on random weights" where the rows are of the small model. */
const char *on_weights(const struct rows *rows);

/* --- the claims --------------------------------------------------------------------------------
 */

int sweep_teach(struct lab_run *run, struct device *device);
/* What the best of the rules can do that know the margin and no plan, "a step flips if its margin
 * is at most m": with m found afterwards, so that the harmonic mean of precision and recall is the
 * largest. m is NaN where no step flipped, or the margins of the pair's first plan are not there.
 */
struct margin_rule {
    double m, said, right;
};
struct margin_rule margin_rule_of(const struct rows *rows, int pair);
/* Over all texts of a pair ("" for all). */
double sum_of(const struct rows *rows, const char *pair, const char *column);
void check_bound(const struct rows *rows, struct finding *finding);
void check_predicted(const struct rows *rows, struct finding *finding);
void check_rare(const struct rows *rows, struct finding *finding);
void check_floats(const struct rows *rows, struct finding *finding);
void check_roundings(const struct rows *rows, struct finding *finding);

int sweep_free(struct lab_run *run, struct device *device);
void check_parting(const struct rows *rows, struct finding *finding);
void check_length(const struct rows *rows, struct finding *finding);
void check_early(const struct rows *rows, struct finding *finding);

int sweep_contracts(struct lab_run *run, struct device *device);
void check_contracts(const struct rows *rows, struct finding *finding);

/* --- tables.c ----------------------------------------------------------------------------------
 */

int margins_table(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int rates_table(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int order_table(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int saying_table(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int kinds_table(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int meeting_table(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int whole_table(struct lab_run *run, const struct rows *rows, struct lab_table *table);

#endif
