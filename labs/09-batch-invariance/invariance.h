/*
 * invariance.h: what the files of this lab share.
 *
 *     lab.c      the claims, what is recorded, the tables behind the plots
 *     stage.c    the model, the questions, the plans; comparing logits
 *     company.c  B1, B2, B4: one request alone and beside others
 *     chunks.c   B3, B5: its prompt in pieces, after a prefix hit; several tokens verified at once
 *     context.c  S7: a long context, over which attention is split
 *     load.c     R1: one question again and again while a load runs beside it; one link cut at a
 *                time
 *     libraries.c  09.3, 09.4: products of the model by oneDNN, OpenBLAS, cuBLASLt
 *     price.c    09.1, 09.2: what a fixed plan costs
 *     prompt.c   09.5: whether a prompt is as fast as its products
 *     tables.c   what the plots are drawn from, where it is not one line a row
 */
#ifndef NANOLAB_LABS_09_INVARIANCE_H
#define NANOLAB_LABS_09_INVARIANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/lab.h"
#include "harness/lab/tables.h"
#include "kernels/decoder/decoder_text.h"

/* --- stage.c -----------------------------------------------------------------------------------
 */

/* Plans, by what decides the staging of products. `lanes` lets the number of rows choose lanes
 * alone: one slice of K whatever it is. */
enum rule { RULE_HEURISTIC, RULE_LANES, RULE_FIXED, RULE_HEURISTIC_F32, RULES };
extern const char *const rule_names[RULES];
extern const char *const rule_plans[RULES];

enum { QUESTIONS = 8 };

struct stage {
    struct decoder_model model;
    struct bpe_tokens prompt[QUESTIONS]; /* the first is the one that is asked again and again */
    unsigned threads;
    struct decoder_device *there; /* whose kernels run the steps; NULL: native ones do */
    bool simulated;               /* a row takes long there */
    bool brief;                   /* a case is to be short */
};
/* Native kernels, the same for all sweeps of a run. NULL after lab_error(). */
const struct stage *stage_of(struct lab_run *run);
/* The same on a device: of a CPU the one above; on simulated ones with the small model. */
const struct stage *stage_on(struct lab_run *run, struct device *device);
struct decoder_way stage_way(const struct stage *stage, enum rule rule);
/* The questions, one after the other, as one long text of so many tokens. */
void stage_long_text(const struct stage *stage, uint32_t *id, size_t count);
void stage_params(struct lab_case *c, const struct stage *stage, enum rule rule);

/* How many logits have other bits; and how many rows of them another largest one. */
size_t other_bits(const float *a, const float *b, size_t n);
size_t other_tokens(const float *a, const float *b, size_t rows, size_t vocabulary);

/* ", on random weights" where the rows are of the small model. */
const char *on_weights(const struct rows *rows);

/* --- the claims --------------------------------------------------------------------------------
 */

int sweep_company(struct lab_run *run, struct device *device);
void check_company(const struct rows *rows, struct finding *finding);
void check_fixed(const struct rows *rows, struct finding *finding);
void check_split_alone(const struct rows *rows, struct finding *finding);

int sweep_chunks(struct lab_run *run, struct device *device);
void check_chunks(const struct rows *rows, struct finding *finding);
void check_verify(const struct rows *rows, struct finding *finding);

int sweep_context(struct lab_run *run, struct device *device);
void check_context(const struct rows *rows, struct finding *finding);

int sweep_load(struct lab_run *run, struct device *device);
void check_load(const struct rows *rows, struct finding *finding);

int sweep_libraries(struct lab_run *run, struct device *device);
void check_libraries(const struct rows *rows, struct finding *finding);
int libraries_table(struct lab_run *run, const struct rows *rows, struct lab_table *table);

int sweep_price(struct lab_run *run, struct device *device);
void check_price(const struct rows *rows, struct finding *finding);
void check_roof(const struct rows *rows, struct finding *finding);
int sweep_prompt(struct lab_run *run, struct device *device);
void check_prompt(const struct rows *rows, struct finding *finding);

/* --- tables.c ----------------------------------------------------------------------------------
 */

int texts_table(struct lab_run *run, const struct rows *rows, struct lab_table *table);

#endif
