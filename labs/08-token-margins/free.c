/*
 * free.c: texts that go on by themselves, under two plans: the first token that differs parts them,
 * and from there on each goes by its own words. Do they meet again?
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labs/08-token-margins/margins.h"

enum {
    MEET = 8,   /* equal tokens in a row, by which parted texts have met */
    SHIFT = 4,  /* tokens by which one may be ahead */
    EARLY = 16, /* steps whose margins say what is to come */
    NEVER = -1
};

/* --- the sweep ---------------------------------------------------------------------------------
 */

struct two {
    const uint32_t *text[2];
    unsigned length[2];
};

/* The first position at which they differ: where one has ended and the other not, too. */
static int parting(const struct two *t) {
    unsigned least = t->length[0] < t->length[1] ? t->length[0] : t->length[1];
    for (unsigned i = 0; i < least; i++)
        if (t->text[0][i] != t->text[1][i])
            return (int)i;
    return t->length[0] == t->length[1] ? NEVER : (int)least;
}

/* The first position of the first text, past the parting, from which MEET tokens are those of the
 * second, there or up to SHIFT tokens before or after. */
static int meeting(const struct two *t, int from) {
    for (int i = from + 1; i + MEET <= (int)t->length[0]; i++)
        for (int shift = -SHIFT; shift <= SHIFT; shift++) {
            const int j = i + shift;
            if (j > from && j + MEET <= (int)t->length[1] &&
                memcmp(t->text[0] + i, t->text[1] + j, MEET * sizeof(uint32_t)) == 0)
                return i;
        }
    return NEVER;
}

static int record(struct lab_run *run, const struct stage *stage, struct lab_case *c, size_t q,
                  double early) {
    stage_params(c, stage, q);
    for (int p = 0; p < PAIRS; p++) {
        const unsigned *length[2];
        const uint32_t *text[2] = {stage_texts(run, pairs[p].a, &length[0]),
                                   stage_texts(run, pairs[p].b, &length[1])};
        if (!text[0] || !text[1]) {
            lab_case_drop(c);
            return -1;
        }
        const struct two t = {{text[0] + q * stage->most, text[1] + q * stage->most},
                              {length[0][q], length[1][q]}};
        const int part = parting(&t), meet = part == NEVER ? NEVER : meeting(&t, part);
        case_row(c);
        case_cell_text(c, "pair", pairs[p].name);
        case_cell_text(c, "changes", pairs[p].changes);
        case_cell_text(c, "under", pairs[p].under);
        case_cell_int(c, "length", t.length[0]);
        case_cell_int(c, "parted", part != NEVER);
        case_cell_int(c, "met", meet != NEVER);
        case_cell_real(c, "early margin", early);
        if (part != NEVER)
            case_cell_int(c, "part", part);
        if (meet != NEVER)
            case_cell_int(c, "meet", meet);
    }
    return lab_case_end(c);
}

/* The smallest margin of a text's first steps, under its own plan. NaN after lab_error(). */
static double early_margin(struct lab_run *run, const struct stage *stage, size_t q) {
    const size_t vocabulary = stage->model.decoder->vocabulary;
    const unsigned steps = stage->length[q] < EARLY ? stage->length[q] : EARLY;
    const struct decoder_way way = stage_way(stage, BF16_K1);
    char why[GGUF_WHY] = "no memory for the logits of a text";
    float *logits = malloc(steps * vocabulary * sizeof(*logits));
    double least = INFINITY;
    if (!logits || decoder_teach(&way, &stage->prompt[q], stage->text + q * stage->most, steps,
                                 steps + (unsigned)stage->prompt[q].count, logits, why) != 0) {
        lab_error(run, "%s", why);
        least = NAN;
    }
    for (unsigned s = 0; s < steps && !isnan(least); s++)
        least = fmin(least, decoder_top(logits + s * vocabulary, vocabulary).margin);
    free(logits);
    return least;
}

int sweep_free(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_of(run);
    if (!stage)
        return -1;
    lab_expect(run, stage_answered(stage));
    for (size_t q = 0; q < stage->questions && !lab_stopping(run); q++) {
        struct lab_case *c =
            lab_case_begin(run, device_id(device), "08/free/%s/question=%zu", stage->model.name, q);
        if (!c)
            continue;
        const double early = stage->length[q] ? early_margin(run, stage, q) : 0;
        if (stage->length[q] == 0 || isnan(early)) {
            lab_case_drop(c);
            if (stage->length[q])
                return -1;
        } else if (record(run, stage, c, q, early) != 0) {
            return -1;
        }
    }
    return 0;
}

/* --- checks ------------------------------------------------------------------------------------
 */

/* --- M2: texts that have parted may meet again --------------------------------------------------
 */
void check_parting(const struct rows *rows, struct finding *f) {
    double parted = 0, met = 0;
    for (size_t k = 0; k < rows->count; k++) {
        parted += row_number(rows, k, "parted") == 1;
        met += row_number(rows, k, "parted") == 1 && row_number(rows, k, "met") == 1;
        if (row_number(rows, k, "parted") == 1)
            finding_evidence(f, rows, k);
    }
    if (parted == 0) {
        finding_not_testable(f, "no two texts parted; --full makes longer ones");
        return;
    }
    finding_count(f, answer_seen(number_share(met, parted)), NULL, 0);
    finding_number(f, "1", number_share(parted, (double)rows->count), "texts that parted");
    finding_number(f, "1", number_share(met, parted), "of these, texts that met again");
    finding_say(f, "%.0f of %zu pairs of texts parted, and %.0f of these met again for 8 tokens%s",
                parted, rows->count, met, on_weights(rows));
    finding_settle(f, SETTLE_ALL, "");
}

/* --- M3: the longer a text, the more have parted ------------------------------------------------
 *
 * That as many or more have parted later is so by counting. The claim is that it goes on: of the
 * texts that are whole at a half of the length, some part in the other half.
 */
void check_length(const struct rows *rows, struct finding *f) {
    double first = 0, second = 0, whole = 0;
    for (size_t k = 0; k < rows->count; k++) {
        const double half = row_number(rows, k, "tokens") / 2, part = row_number(rows, k, "part");
        const bool is_parted = row_number(rows, k, "parted") == 1;
        if (!(half > 0) || row_number(rows, k, "length") < half)
            continue; /* it ended before */
        if (is_parted && part < half) {
            first++;
            continue;
        }
        whole++;
        second += is_parted;
        finding_evidence(f, rows, k);
    }
    if (whole == 0) {
        finding_not_testable(f, "no text was whole at half of its length");
        return;
    }
    finding_count(f, answer_seen(number_share(second, whole)), NULL, 0);
    finding_number(f, "1", number_share(first, first + whole), "texts that part in the first half");
    finding_number(f, "1", number_share(second, whole),
                   "of the others, texts that part in the second");
    finding_say(f,
                "%.0f of %.0f texts part in the first half, and %.0f of the other %.0f in the "
                "second%s",
                first, first + whole, second, whole, on_weights(rows));
    finding_settle(f, SETTLE_ALL, "");
}

/* --- M7: small margins early on say which texts part ---------------------------------------------
 */
static int by_number(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void check_early(const struct rows *rows, struct finding *f) {
    double *margin = calloc(rows->count + 1, sizeof(*margin)), n[2] = {0}, parted[2] = {0};
    size_t count = 0;
    for (size_t k = 0; margin && k < rows->count; k++)
        if (isfinite(row_number(rows, k, "early margin")))
            margin[count++] = row_number(rows, k, "early margin");
    if (count)
        qsort(margin, count, sizeof(*margin), by_number);
    const double middle = count ? margin[count / 2] : NAN;
    free(margin);
    for (size_t k = 0; k < rows->count; k++) {
        const double early = row_number(rows, k, "early margin");
        if (!isfinite(early))
            continue;
        n[early < middle]++;
        parted[early < middle] += row_number(rows, k, "parted") == 1;
    }
    if (n[0] == 0 || n[1] == 0) {
        finding_not_testable(f, "one margin for all texts: there is nothing to compare");
        return;
    }
    const struct ratio small = number_share(parted[1], n[1]), large = number_share(parted[0], n[0]);
    finding_count(f, answer_greater(small, large), NULL, 0);
    finding_number(f, "1", number(middle), "the middle of the least margins of 16 steps");
    finding_number(f, "1", small, "below it: texts that part");
    finding_number(f, "1", large, "above it: texts that part");
    finding_say(f, "of texts with small margins early on %.0f %% part, of the others %.0f %%%s",
                100 * small.value, 100 * large.value, on_weights(rows));
    finding_settle(f, SETTLE_ALL, "");
}
