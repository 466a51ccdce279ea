/* Better: exact. A float is a multiple of 2^-149; seven words of 32 bits each hold a thousand of
 * them, and the sum is rounded once, to the nearest float. */
#include <math.h>
#include <stdint.h>

#include "exercise.h"

/* Word k counts units of 2^(32 k - 192); carries wait until the value is asked for. */
enum { WORDS = 7 };
struct total {
    int64_t word[WORDS];
    int misfit;
};

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    if (!(fabsf(x) <= 1)) {
        total->misfit = 1;
        return;
    }
    int exponent;
    int64_t units = (int64_t)ldexpf(frexpf(x, &exponent), 24);
    if (units == 0)
        return;
    int at = exponent - 24 + 192; /* x = units * 2^(at - 192) */
    int64_t wide = units * ((int64_t)1 << at % 32);
    int64_t low = (int64_t)((uint64_t)wide & 0xffffffff);
    total->word[at / 32] += low;
    total->word[at / 32 + 1] += (wide - low) / ((int64_t)1 << 32);
}

void total_merge(struct total *into, const struct total *from) {
    for (int k = 0; k < WORDS; k++)
        into->word[k] += from->word[k];
    into->misfit |= from->misfit;
}

int total_value(const struct total *total, float *sum) {
    int64_t word[WORDS], carry = 0;
    int negative, sticky = 0, top;
    for (int k = 0; k < WORDS; k++) {
        int64_t whole = total->word[k] + carry;
        word[k] = (int64_t)((uint64_t)whole & 0xffffffff);
        carry = (whole - word[k]) / ((int64_t)1 << 32);
    }
    negative = carry < 0;
    for (int k = 0, more = 1; k < WORDS && negative; k++) { /* its magnitude */
        word[k] = 0xffffffff - word[k] + more;
        more = word[k] > 0xffffffff;
        word[k] &= 0xffffffff;
    }
    for (top = WORDS - 1; top > 1 && word[top] == 0; top--)
        ;
    /* 33 to 64 bits, the last of which is set if anything lies below: far more than a float has. */
    for (int k = 0; k < top - 1; k++)
        sticky |= word[k] != 0;
    uint64_t bits = (uint64_t)word[top] << 32 | (uint64_t)word[top - 1] | (uint64_t)sticky;
    float value = ldexpf((float)bits, 32 * (top - 1) - 192);
    *sum = negative ? -value : value;
    return total->misfit ? -1 : 0;
}
