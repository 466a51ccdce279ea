/*
 * reach.c: all results of all orders, beside all orders.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { N = 7, ORDERS = 5040 };

struct task {
    uint32_t n;
    float x[N];
};
struct results {
    uint64_t count;
    float value[ORDERS + 1];
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct results *r = out;
    r->count = reach(t->x, t->n, r->value);
}

#else

static float reached[ORDERS];
static size_t reached_count;

static void extend(const struct task *t, unsigned done, float sum) {
    if (done == (1u << t->n) - 1)
        reached[reached_count++] = sum;
    for (unsigned u = 0; u < t->n; u++)
        if (!(done >> u & 1))
            extend(t, done | 1u << u, sum + t->x[u]);
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* How many results there are, each once, at the start of `reached`. */
static size_t all_results(const struct task *t) {
    size_t distinct = 0;
    reached_count = 0;
    extend(t, 0, 0);
    qsort(reached, reached_count, sizeof *reached, ascending);
    for (size_t k = 0; k < reached_count; k++)
        if (k == 0 || reached[k] != reached[distinct - 1])
            reached[distinct++] = reached[k];
    return distinct;
}

static void make(struct exercise *e, struct task *t, uint32_t n, int turn) {
    t->n = n;
    for (uint32_t i = 0; i < n; i++) {
        double sign = random_bits(e) & 1 ? -1 : 1;
        double size = turn % 3 == 0 ? random_unit(e) : exp2(30 * random_unit(e));
        t->x[i] = (float)(sign * size);
    }
    if (turn % 4 == 3 && n > 1) /* equal ones */
        t->x[0] = t->x[n - 1];
}

/* x = {1, -0.5, …}, as far as there is room. */
static const char *list(const struct task *t, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "x = {");
    for (uint32_t i = 0; i < t->n; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%.9g", i ? ", " : "", (double)t->x[i]);
    snprintf(text + used, size - used, "}");
    return text;
}

static bool among(float value, const float *list, size_t count) {
    for (size_t k = 0; k < count; k++)
        if (list[k] == value)
            return true;
    return false;
}

static int judge_one(struct exercise *e, const struct task *t, const struct results *yours) {
    char x[200];
    size_t count = all_results(t), listed = yours->count < ORDERS ? yours->count : ORDERS;
    list(t, x, sizeof x);
    for (size_t k = 0; k < count; k++)
        if (!among(reached[k], yours->value, listed))
            return not_yet(e, "%s: some order gives %.9g, which you do not list.", x,
                           (double)reached[k]);
    for (size_t k = 0; k < listed; k++) {
        if (!among(yours->value[k], reached, count))
            return not_yet(e, "%s: you list %.9g, and no order gives it.", x,
                           (double)yours->value[k]);
        if (k > 0 && yours->value[k] == yours->value[k - 1])
            return not_yet(e, "%s: you list %.9g twice.", x, (double)yours->value[k]);
        if (k > 0 && yours->value[k] < yours->value[k - 1])
            return not_yet(e, "%s: you list %.9g behind %.9g, which is larger.", x,
                           (double)yours->value[k], (double)yours->value[k - 1]);
    }
    if (yours->count != count)
        return not_yet(e, "%s: you say that there are %zu results, and there are %zu.", x,
                       (size_t)yours->count, count);
    return 0;
}

static int check(struct exercise *e) {
    static struct results yours;
    for (uint32_t n = 1; n <= N; n++)
        for (int turn = 0; turn < (n < 6 ? 12 : 48); turn++) { /* rare results need many tasks */
            struct task t;
            make(e, &t, n, turn);
            if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0 || judge_one(e, &t, &yours) != 0)
                return 1;
        }
    return 0;
}

#endif
