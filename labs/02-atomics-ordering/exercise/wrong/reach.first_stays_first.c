/* rejected: which you do not list */
/* Wrong: the first update is always the first to come. */
#include "exercise.h"

#include <stdlib.h>

struct search {
    const float *x;
    size_t n, count;
    float *results;
};

static void extend(struct search *s, unsigned done, float sum) {
    if (done == (1u << s->n) - 1) {
        s->results[s->count++] = sum;
        return;
    }
    for (unsigned u = 0; u < s->n; u++)
        if (!(done >> u & 1))
            extend(s, done | 1u << u, sum + s->x[u]);
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

size_t reach(const float *x, size_t n, float *results) {
    struct search s = {x, n, 0, results};
    size_t kept = 0;
    extend(&s, 1, x[0]);
    qsort(results, s.count, sizeof *results, compare);
    for (size_t k = 0; k < s.count; k++)
        if (k == 0 || results[k] != results[kept - 1])
            results[kept++] = results[k];
    return kept;
}
