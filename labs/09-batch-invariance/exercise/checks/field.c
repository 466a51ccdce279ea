/*
 * field.c: runs made for a field that nobody can know: the others are constant, or follow it for
 * all but one run, or change where it does and elsewhere too, or by themselves; sometimes two
 * fields say the same, sometimes none does.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { RUNS = 64, TURNS = 500 };

struct task {
    uint32_t n;
    struct observed run[RUNS];
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    *(int32_t *)out = field(t->run, t->n);
}

#else

static bool explains(const struct task *t, int f) {
    for (uint32_t i = 0; i < t->n; i++)
        for (uint32_t j = 0; j < i; j++)
            if ((t->run[i].field[f] == t->run[j].field[f]) != (t->run[i].bits == t->run[j].bits))
                return false;
    return true;
}

/* The last that explains, and how many do. */
static int which(const struct task *t, int *count) {
    int found = -1;
    *count = 0;
    for (int f = 0; f < FIELDS; f++)
        if (explains(t, f)) {
            found = f;
            (*count)++;
        }
    return found;
}

enum kind { CLEAR, NEARLY, FINER, TWO, NONE, KINDS };

static void make(struct exercise *e, struct task *t, enum kind kind) {
    const int guilty = (int)random_below(e, FIELDS);
    const unsigned values = 2 + random_below(e, 3);
    uint64_t hash[8];
    for (int v = 0; v < 8; v++)
        hash[v] = random_bits(e);
    t->n = 6 + random_below(e, RUNS - 5);
    for (uint32_t i = 0; i < t->n; i++) {
        struct observed *r = &t->run[i];
        const unsigned v = i < values ? i : random_below(e, values);
        r->rows = 1 + random_below(e, 64);
        for (int f = 0; f < FIELDS; f++)
            r->field[f] = f == guilty || (kind == TWO && f == (guilty + 1) % FIELDS) ? 1u << v
                          : kind == FINER && f == (guilty + 1) % FIELDS
                              ? (1u << v) + 16 * random_below(e, 4)
                          : kind == NEARLY && f == (guilty + 1) % FIELDS
                              ? (i + 1 < t->n ? 1u << v : 1u << ((v + 1) % values))
                          : f % 2 ? 4
                                  : 1 + random_below(e, 3);
        r->bits = hash[v];
    }
    if (kind == NONE)
        t->run[t->n - 1].bits = hash[7];
}

static int check(struct exercise *e) {
    for (int turn = 0; turn < TURNS; turn++) {
        struct task t;
        int32_t yours = -2;
        make(e, &t, (enum kind)(turn % KINDS));
        int explain;
        const int found = which(&t, &explain), right = explain == 1 ? found : -1;
        if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
            return 1;
        if (yours == right)
            continue;
        if (yours < -1 || yours >= FIELDS)
            return not_yet(e, "%d is no field", yours);
        if (right < 0)
            return not_yet(e, "of %u runs, %s; yours is field %d", t.n,
                           explain ? "more than one field explains the bits of all"
                                   : "no field explains the bits of all",
                           yours);
        if (yours < 0)
            return not_yet(e, "of %u runs, one field and no other explains the bits of all", t.n);
        for (uint32_t i = 0; i < t.n; i++)
            for (uint32_t j = 0; j < i; j++) {
                const bool same = t.run[i].field[yours] == t.run[j].field[yours];
                if (same != (t.run[i].bits == t.run[j].bits))
                    return not_yet(e, "runs of %u and %u rows have %s field %d and %s bits",
                                   t.run[j].rows, t.run[i].rows, same ? "the same" : "another",
                                   yours, same ? "other" : "the same");
            }
    }
    return 0;
}

#endif
