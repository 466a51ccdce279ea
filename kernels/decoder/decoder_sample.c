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

uint32_t decoder_sample(const struct decoder_contract *contract, const float *logits, size_t n,
                        double uniform) {
    const uint32_t best = decoder_greedy(logits, n);
    if (!(contract->temperature > 0))
        return best;
    struct candidate *list = calloc(n, sizeof(*list));
    double total = 0, kept = 0, sum = 0;
    size_t count = 0;
    if (!list)
        return UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        list[i].chance = exp(((double)logits[i] - logits[best]) / contract->temperature);
        list[i].token = (uint32_t)i;
        total += list[i].chance;
    }
    qsort(list, n, sizeof(*list), likelier);
    while (count < n && (count == 0 || kept < contract->top_p * total))
        kept += list[count++].chance;
    size_t i = 0;
    for (; i + 1 < count; i++) {
        sum += list[i].chance;
        if (uniform * kept < sum)
            break;
    }
    uint32_t token = list[i].token;
    free(list);
    return token;
}
