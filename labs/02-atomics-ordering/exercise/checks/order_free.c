/*
 * order_free.c: sums in many orders and by many totals must have the same bits, near the exact sum;
 * numbers out of range must be owned up to; and totals must not know of each other.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { N = 1000, PARTS = 8 };

/* Adds x in an order and by `parts` totals, merged in an order too; and at the same time in another
 * order to one total alone, and a half to one of its own. */
struct task {
    uint32_t parts, order[N], again[N], merge[PARTS];
    float x[N];
};
enum { MERGED, ALONE, HALF, SUMS };
struct sums {
    int32_t status[SUMS], beyond; /* a total wrote beyond its size */
    float value[SUMS];
};

#ifdef EXERCISE_ANSWERS

enum { MARK = 0x5a, MARGIN = 64 };

static struct total *total_new(void) {
    size_t size = total_size();
    char *total = calloc(1, size + MARGIN);
    if (!total)
        abort();
    memset(total + size, MARK, MARGIN);
    return (struct total *)total;
}

static int total_free(struct total *total) {
    const char *end = (char *)total + total_size();
    int beyond = 0;
    for (int k = 0; k < MARGIN; k++)
        beyond |= end[k] != MARK;
    free(total);
    return beyond;
}

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct sums *sums = out;
    struct total *part[PARTS], *alone = total_new(), *half = total_new();
    for (uint32_t p = 0; p < t->parts; p++)
        part[p] = total_new();
    total_add(half, 0.5f);
    for (uint32_t k = 0; k < N; k++) {
        total_add(part[k % t->parts], t->x[t->order[k]]);
        total_add(alone, t->x[t->again[k]]);
    }
    for (uint32_t p = 1; p < t->parts; p++)
        total_merge(part[t->merge[0]], part[t->merge[p]]);
    sums->status[MERGED] = total_value(part[t->merge[0]], &sums->value[MERGED]);
    sums->status[ALONE] = total_value(alone, &sums->value[ALONE]);
    sums->status[HALF] = total_value(half, &sums->value[HALF]);
    sums->beyond = total_free(alone) | total_free(half);
    for (uint32_t p = 0; p < t->parts; p++)
        sums->beyond |= total_free(part[p]);
}

#else

enum kind { UNIFORM, SIZES, BETWEEN, DEEP, SMALL, ONES };

/*
 * BETWEEN: a sum between two floats, 1 + 2^-24 and a little: six times 1.5 · 2^-least. A sum that
 * keeps more bits than a float, but not all, loses the little or not by its place in the order.
 * DEEP: one that keeps 53 bits, and what these lose in another 53, is so far from exact too. SMALL:
 * so small a sum that its float is as good as exact.
 */
static const struct data {
    enum kind kind;
    int least, most; /* of BETWEEN: each of them */
    uint32_t turns;
    const char *words;
} all_data[] = {
    {UNIFORM, 0, 0, 100, "1,000 numbers between -1 and 1"},
    {SIZES, 0, 0, 100, "1,000 numbers of very different sizes"},
    {BETWEEN, 26, 70, 32, "1, 2^-24 and numbers that are far smaller"},
    {DEEP, 0, 0, 64, "1, 2^-24 and 2^-53, and numbers that are far smaller"},
    {SMALL, 1, 16, 3, "one small number, 1,000 times"},
    {ONES, 0, 0, 4, "1, a thousand times"},
};

static void make(struct exercise *e, struct task *t, enum kind kind, int least) {
    float small = (float)exp2(-28 - 4 * random_unit(e)), six = (float)ldexp(1.5, -least);
    for (int i = 0; i < N; i++) {
        double sign = random_bits(e) & 1 ? -1 : 1;
        t->x[i] = (float)(kind == UNIFORM ? sign * random_unit(e)
                          : kind == SIZES ? sign * exp2(-60 * random_unit(e))
                          : kind == SMALL ? (double)small
                                          : kind == ONES);
    }
    if (kind != BETWEEN && kind != DEEP)
        return;
    for (int i = 0; i < 6; i++)
        t->x[i] = kind == DEEP ? 0x1.8p-107f : six;
    t->x[6] = 1;
    t->x[7] = 0x1p-24f;
    t->x[8] = kind == DEEP ? 0x1p-53f : 0;
}

static void arrange(struct exercise *e, struct task *t, uint32_t parts) {
    random_order(e, t->order, N);
    random_order(e, t->again, N);
    t->parts = parts;
    random_order(e, t->merge, parts);
}

/* Asks, and judges what holds whatever is added. */
static int ask_sums(struct exercise *e, const struct task *t, struct sums *sums) {
    if (ask(e, t, sizeof *t, sums, sizeof *sums) != 0)
        return 1;
    if (sums->beyond)
        return not_yet(e, "A total of total_size() bytes was given, and memory behind it has "
                          "changed.");
    if (sums->status[HALF] != 0 || sums->value[HALF] != 0.5f)
        return not_yet(
            e,
            "A total that got 0.5 and nothing else, while numbers were added to others, says "
            "%.9g (status %d).",
            (double)sums->value[HALF], (int)sums->status[HALF]);
    return 0;
}

static int check_sums(struct exercise *e, struct task *t, const struct data *data, int least) {
    struct sums sums, first = {.value = {0}};
    long double exact = 0; /* 64 bits: wrong by far less than the bound */
    make(e, t, data->kind, least);
    for (int i = 0; i < N; i++)
        exact += t->x[i];
    for (uint32_t turn = 0; turn < data->turns; turn++) {
        arrange(e, t, 1 + turn % PARTS);
        if (ask_sums(e, t, &sums) != 0)
            return 1;
        if (sums.status[MERGED] != 0 || sums.status[ALONE] != 0)
            return not_yet(e, "%s: none is out of range, and their sum was refused.", data->words);
        first = turn == 0 ? sums : first;
        for (int k = MERGED; k <= ALONE; k++)
            if (memcmp(&first.value[MERGED], &sums.value[k], sizeof sums.value[k]) != 0)
                return not_yet(e, "%s: you get %a, and in another order %a.", data->words,
                               (double)first.value[MERGED], (double)sums.value[k]);
        double bound = 0x1p-30 + fabs((double)exact) * 0x1p-24;
        if (!(fabs((double)((long double)sums.value[MERGED] - exact)) <= bound))
            return not_yet(e,
                           "%s: the exact sum is %.12Lg; in every order you get %.9g, which is "
                           "off by more than 2^-30 and the last rounding.",
                           data->words, exact, (double)sums.value[MERGED]);
    }
    return 0;
}

/* One of them in a total that is merged into another, in the other one, and two that cancel. */
static int check_misfit(struct exercise *e, struct task *t, float misfit) {
    for (uint32_t turn = 0; turn < 6; turn++) {
        struct sums sums;
        uint32_t parts = 1 + turn % 3;
        make(e, t, UNIFORM, 0);
        arrange(e, t, parts);
        t->x[t->order[t->merge[parts - 1] + parts * random_below(e, 100)]] = misfit;
        if (turn >= 3)
            t->x[t->order[t->merge[0] + parts * (100 + random_below(e, 100))]] = -misfit;
        if (ask_sums(e, t, &sums) != 0)
            return 1;
        for (int k = MERGED; k <= ALONE; k++)
            if (sums.status[k] != -1)
                return not_yet(e,
                               "%g%s among the numbers%s, and total_value says %d: the sum is "
                               "%.9g.",
                               (double)misfit, turn >= 3 ? " and its negative were" : " was",
                               k == MERGED && parts > 1 ? ", in totals that were merged" : "",
                               (int)sums.status[k], (double)sums.value[k]);
    }
    return 0;
}

static int check(struct exercise *e) {
    static const float misfits[] = {NAN, INFINITY, -INFINITY, 1.0000001f, -2, 3e38f};
    static struct task t;
    for (size_t k = 0; k < sizeof all_data / sizeof *all_data; k++)
        for (int least = all_data[k].least; least <= all_data[k].most; least++)
            if (check_sums(e, &t, &all_data[k], least) != 0)
                return 1;
    for (size_t k = 0; k < sizeof misfits / sizeof *misfits; k++)
        if (check_misfit(e, &t, misfits[k]) != 0)
            return 1;
    return check_sums(e, &t, all_data, 0);
}

#endif
