/*
 * order_free.c: sums in many orders and by many totals must have the same bits, near the exact sum;
 * and numbers out of range must be owned up to.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { N = 999, PARTS = 8 };

/* Adds x in an order and by `parts` totals, merged in an order too. */
struct task {
    uint32_t n, parts, order[N], merge[PARTS];
    float x[N];
};
struct sum {
    int32_t status;
    float value;
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct sum *sum = out;
    struct total *part[PARTS];
    for (uint32_t p = 0; p < t->parts; p++)
        part[p] = calloc(1, total_size());
    for (uint32_t k = 0; k < t->n; k++)
        total_add(part[k % t->parts], t->x[t->order[k]]);
    for (uint32_t p = 1; p < t->parts; p++)
        total_merge(part[t->merge[0]], part[t->merge[p]]);
    sum->status = total_value(part[t->merge[0]], &sum->value);
    for (uint32_t p = 0; p < t->parts; p++)
        free(part[p]);
}

#else

/*
 * Uniform; of many magnitudes; and a sum that lies between two floats, 1 + 2^-24 and a little, of
 * which a wide float loses the little or not by its place in the order.
 */
static void make(struct exercise *e, struct task *t, int kind) {
    t->n = N;
    for (int i = 0; i < N; i++) {
        double sign = random_bits(e) & 1 ? -1 : 1;
        t->x[i] = (float)(kind == 0   ? sign * random_unit(e)
                          : kind == 1 ? sign * exp2(-60 * random_unit(e))
                          : i < 6     ? 0x1.8p-54
                                      : 0);
    }
    if (kind == 2) {
        t->x[0] = 1;
        t->x[1] = 0x1p-24f;
    }
}

static void arrange(struct exercise *e, struct task *t, uint32_t parts) {
    random_order(e, t->order, N);
    t->parts = parts;
    random_order(e, t->merge, parts);
}

static int check_sums(struct exercise *e, struct task *t) {
    struct sum sum, first = {0, 0};
    long double exact = 0; /* 64 bits: wrong by far less than the bound */
    for (int i = 0; i < N; i++)
        exact += t->x[i];
    for (uint32_t turn = 0; turn < 400; turn++) {
        arrange(e, t, 1 + turn % PARTS);
        if (ask(e, t, sizeof *t, &sum, sizeof sum) != 0)
            return 1;
        if (sum.status != 0)
            return not_yet(e, "a sum of numbers in range was refused");
        first = turn == 0 ? sum : first;
        if (memcmp(&first.value, &sum.value, sizeof sum.value) != 0)
            return not_yet(e, "another order gave %.9g instead of %.9g", sum.value, first.value);
        double bound = 0x1p-30 + fabs((double)exact) * 0x1p-24;
        if (!(fabs((double)((long double)sum.value - exact)) <= bound))
            return not_yet(e, "%.9g is not within 2^-30 of the exact sum %.9Lg", sum.value, exact);
    }
    return 0;
}

static int check(struct exercise *e) {
    static const float misfits[] = {NAN, INFINITY, -INFINITY, 1.0000001f, -2, 3e38f};
    static struct task t;
    for (int kind = 0; kind < 3; kind++) {
        make(e, &t, kind);
        if (check_sums(e, &t) != 0)
            return 1;
    }
    for (uint32_t k = 0; k < sizeof misfits / sizeof *misfits; k++) {
        struct sum sum;
        make(e, &t, 0);
        t.x[random_below(e, N)] = misfits[k];
        arrange(e, &t, 1 + k);
        if (ask(e, &t, sizeof t, &sum, sizeof sum) != 0)
            return 1;
        if (sum.status != -1)
            return not_yet(e, "%g was added and nobody was told; the sum is %.9g", misfits[k],
                           sum.value);
    }
    return 0;
}

#endif
