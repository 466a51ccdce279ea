/* decoder_sample.c: see decoder_sample.h. */
#include "kernels/decoder/decoder_sample.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/decoder/decoder.h"

struct candidate {
    double chance;
    uint32_t token;
};

static int likelier(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->chance != y->chance)
        return x->chance < y->chance ? 1 : -1;
    return (x->token > y->token) - (x->token < y->token);
}

/* The likeliest tokens, sorted, up to `enough` of chance: how many, and their chance in `kept`. Few
 * of many tokens are likely, so those above a limit are sorted first; where they are not enough,
 * the limit is lowered, in the end to all. What is kept, and the order it is added in, is the same.
 */
static size_t nucleus(const double *chance, size_t n, double enough, struct candidate *list,
                      double *kept) {
    for (double limit = 1e-2;; limit = limit < 1e-12 ? 0 : limit * 1e-2) {
        size_t above = 0, count = 0;
        for (size_t i = 0; i < n; i++)
            if (chance[i] >= limit)
                list[above++] = (struct candidate){chance[i], (uint32_t)i};
        qsort(list, above, sizeof(*list), likelier);
        *kept = 0;
        while (count < above && (count == 0 || *kept < enough))
            *kept += list[count++].chance;
        if (*kept >= enough || !(limit > 0))
            return count;
    }
}

uint32_t decoder_sample(const struct decoder_contract *contract, const float *logits, size_t n,
                        double uniform) {
    const uint32_t best = decoder_greedy(logits, n);
    if (!(contract->temperature > 0))
        return best;
    struct candidate *list = calloc(n, sizeof(*list));
    double *chance = calloc(n, sizeof(*chance)), total = 0, kept = 0, sum = 0;
    uint32_t token = UINT32_MAX;
    for (size_t i = 0; list && chance && i < n; i++) {
        chance[i] = exp(((double)logits[i] - logits[best]) / contract->temperature);
        total += chance[i];
    }
    if (list && chance) {
        const size_t count = nucleus(chance, n, contract->top_p * total, list, &kept);
        size_t i = 0;
        for (; i + 1 < count; i++) {
            sum += list[i].chance;
            if (uniform * kept < sum)
                break;
        }
        token = list[i].token;
    }
    free(chance);
    free(list);
    return token;
}
