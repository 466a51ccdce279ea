/*
 * paged_reference.c: attention of one sequence and KV head in double, from the stored numbers as
 * they are, and how far our kernels may lie from it.
 *
 * The bound, with u = 2^-24, in units of log 2; w_t = 2^(score_t - M) with M the largest score,
 * W = Σ w_t, out = Σ w_t v_t / W. To first order in u; ROOM covers the rest.
 *
 * Weights. A score is a sum of D fused products in which no term passes more than DOT_DEPTH
 * roundings (paged_state.cuh: 8 channels and 4 steps between lanes; paged_cpu.c: 8 and 4), times a
 * scale that was rounded once: off by e_t = (DOT_DEPTH + 2) u scale Σ|q k|. Its weight becomes
 * relative to M through differences of maxima that rise, all of one sign, so that their roundings
 * add up to at most u (M - score_t). Each exponential is off by EXP = 2^-23: the weight's own,
 * those of corrections after its tile, and two merges. A correction of a maximum that has not risen
 * is 2^0 = 1, which is exact: only the `rises` that errors of the scores allow count. Together
 *
 *     η_t = ln 2 (e_t + u (M - score_t)) + EXP (3 + rises)
 *
 * is what w_t is off by, relatively; it moves out by Σ w_t η_t |v_t - out| / W. Weights under
 * 2^-125 of a local maximum are 0.
 *
 * Sums. A fused multiply-add, or product with a correction, is off by u times its result: the sum
 * of |partial sum| over a channel's chain of operations, in the order of each of our two kernels,
 * the larger one taken. The partial sums of the parts (warps, splits, tokens mod WIDE) are merged
 * in at most 10 + splits operations, each off by u times at most Σ |part|. W is a sum of positive
 * numbers in which none passes more than 5 tiles + 16 + splits roundings. The quotient is rounded.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "kernels/paged_attention/paged_read.h"

#define U 0x1p-24
#define DOT_DEPTH 12
#define EXP PAGED_EXP2_ERROR
#define ROOM 1.01
#define HEAD_MOST 128
#define WIDE_MOST 4
#define LN2 0.69314718055994531

/* One query over one sequence's tokens. */
struct query {
    size_t n;
    int head;
    unsigned splits;
    const float *k, *v;    /* [n][head] */
    double *score, *error; /* [n], units of log 2 */
    double *weight;        /* [n] */
    double largest, sum;   /* M, W */
    double doubt;          /* the largest error of a score */
    double high;           /* the largest |v| */
};

static void weigh(struct query *of, const float *q) {
    double scale = 1 / (LN2 * sqrt(of->head));
    of->largest = -INFINITY;
    of->doubt = of->sum = of->high = 0;
    for (size_t i = 0; i < of->n * (size_t)of->head; i++)
        of->high = fmax(of->high, fabs((double)of->v[i]));
    for (size_t t = 0; t < of->n; t++) {
        double dot = 0, all = 0;
        for (int d = 0; d < of->head; d++) {
            double x = (double)q[d] * of->k[t * (size_t)of->head + (size_t)d];
            dot += x;
            all += fabs(x);
        }
        of->score[t] = dot * scale;
        of->error[t] = (DOT_DEPTH + 2) * U * scale * all;
        of->largest = fmax(of->largest, of->score[t]);
        of->doubt = fmax(of->doubt, of->error[t]);
    }
    for (size_t t = 0; t < of->n; t++)
        of->sum += of->weight[t] = exp2(of->score[t] - of->largest);
}

/* A staging: warps that take tiles in turns, and sums of the tokens that are equal mod wide. */
struct staging {
    unsigned warps;
    int wide;
};

struct spread {
    double chain[HEAD_MOST]; /* sum of |partial sum| over a channel's operations */
    double parts[HEAD_MOST]; /* sum of |part| */
    unsigned rises;          /* of one chain, at most */
};

static void walk_chain(const struct query *of, const struct staging *staging, unsigned first,
                       unsigned end, struct spread *spread) {
    double sum[WIDE_MOST][HEAD_MOST] = {{0}}, largest = -INFINITY;
    unsigned rises = 0;
    for (unsigned tile = first; tile < end; tile += staging->warps) {
        size_t from = (size_t)tile * PAGED_TILE;
        size_t to = of->n - from < PAGED_TILE ? of->n : from + PAGED_TILE;
        double high = -INFINITY;
        for (size_t t = from; t < to; t++)
            high = fmax(high, of->score[t]);
        if (tile > first && high + 2 * of->doubt >= largest) {
            rises++;
            for (int s = 0; s < staging->wide; s++)
                for (int d = 0; d < of->head; d++)
                    spread->chain[d] += fabs(sum[s][d]);
        }
        largest = fmax(largest, high);
        for (size_t t = from; t < to; t++) {
            double *row = sum[t % (size_t)staging->wide];
            for (int d = 0; d < of->head; d++) {
                row[d] += of->weight[t] * of->v[t * (size_t)of->head + (size_t)d];
                spread->chain[d] += fabs(row[d]);
            }
        }
    }
    spread->rises = spread->rises > rises ? spread->rises : rises;
    for (int s = 0; s < staging->wide; s++)
        for (int d = 0; d < of->head; d++)
            spread->parts[d] += fabs(sum[s][d]);
}

static unsigned tiles_of(const struct query *of) {
    return (unsigned)((of->n + PAGED_TILE - 1) / PAGED_TILE);
}

static void spread_of(const struct query *of, const struct staging *staging,
                      struct spread *spread) {
    *spread = (struct spread){.rises = 0};
    for (unsigned split = 0; split < of->splits; split++) {
        unsigned first, end;
        paged_split_range(tiles_of(of), of->splits, split, &first, &end);
        for (unsigned w = 0; w < staging->warps; w++)
            walk_chain(of, staging, first + w, end, spread);
    }
}

/* What the weights' errors do to each channel, over W. */
static void weight_errors(const struct query *of, unsigned rises, const double *out,
                          double *error) {
    for (int d = 0; d < of->head; d++)
        error[d] = 0;
    for (size_t t = 0; t < of->n; t++) {
        double eta = LN2 * (of->error[t] + U * (of->largest - of->score[t])) + EXP * (3 + rises);
        double moved = (of->weight[t] * eta + 0x1p-124) / of->sum;
        for (int d = 0; d < of->head; d++)
            error[d] += moved * fabs(of->v[t * (size_t)of->head + (size_t)d] - out[d]);
    }
}

static void answer(struct query *of, const float *q, const struct staging *stagings, double *out,
                   double *bound) {
    for (int d = 0; d < of->head; d++)
        out[d] = bound[d] = 0;
    if (!of->n)
        return;
    weigh(of, q);
    for (size_t t = 0; t < of->n; t++)
        for (int d = 0; d < of->head; d++)
            out[d] += of->weight[t] / of->sum * of->v[t * (size_t)of->head + (size_t)d];
    struct spread spread[2];
    for (int s = 0; s < 2; s++)
        spread_of(of, &stagings[s], &spread[s]);
    unsigned rises = spread[0].rises > spread[1].rises ? spread[0].rises : spread[1].rises;
    unsigned first, end;
    paged_split_range(tiles_of(of), of->splits, 0, &first, &end);
    weight_errors(of, rises, out, bound);
    for (int d = 0; d < of->head; d++) {
        double worst = 0;
        for (int s = 0; s < 2; s++)
            worst = fmax(worst, spread[s].chain[d] + (10 + of->splits) * spread[s].parts[d]);
        double sums = 5.0 * end + 16 + of->splits + 1;
        bound[d] = ROOM * (bound[d] + U * (worst / of->sum + sums * fabs(out[d]))) +
                   (double)of->n * DBL_EPSILON * of->high + 0x1p-126;
    }
}

int paged_reference(const struct paged_plan *plan, const struct paged_shape *shape,
                    unsigned sequence, unsigned kv_head, const void *k, const void *v,
                    const void *q, double *out, double *bound) {
    size_t n = (size_t)shape->table->tokens[sequence], D = (size_t)plan->head;
    struct paged_reader read = paged_reader(plan, shape, k, v);
    /* paged.cu's, and paged_cpu.c's. */
    int size = (int)element_bytes((enum element)plan->element);
    const struct staging stagings[2] = {{4, 512 / (plan->head * size)}, {1, 1}};
    float *rows = malloc((2 * n * D + 1) * sizeof *rows);
    double *numbers = malloc((3 * n + 1) * sizeof *numbers);
    if (!rows || !numbers) {
        free(rows);
        free(numbers);
        return -1;
    }
    struct query of = {.n = n,
                       .head = plan->head,
                       .splits = paged_splits(plan, shape),
                       .k = rows,
                       .v = rows + n * D,
                       .score = numbers,
                       .error = numbers + n,
                       .weight = numbers + 2 * n};
    for (size_t t = 0; t < n; t++) {
        paged_read_key(&read, sequence, t, kv_head, rows + t * D);
        paged_read_value(&read, sequence, t, kv_head, rows + (n + t) * D);
    }
    for (size_t g = 0; g < (size_t)plan->group; g++) {
        size_t first =
            (((size_t)sequence * shape->kv_heads + kv_head) * (size_t)plan->group + g) * D;
        float query[HEAD_MOST];
        for (size_t d = 0; d < D; d++)
            query[d] = paged_read(plan->element, q, first + d);
        answer(&of, query, stagings, out + g * D, bound + g * D);
    }
    free(rows);
    free(numbers);
    return 0;
}
