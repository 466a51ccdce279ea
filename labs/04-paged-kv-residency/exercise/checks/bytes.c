/*
 * bytes.c: what a step loads, counted token by token and slot by slot.
 */
#include "tables.h"

struct task {
    struct model model;
    struct rows rows;
};
struct counted {
    int64_t status;
    uint64_t loaded, distinct;
};

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct counted *c = out;
    struct table table = table_of(&t->rows);
    uint64_t loaded = 0, distinct = 0;
    c->status = bytes(&t->model, &table, &loaded, &distinct);
    c->loaded = loaded;
    c->distinct = distinct;
}

#else

static void make(struct exercise *e, struct task *t, unsigned turn) {
    make_rows(e, &t->rows, turn);
    t->model.head = 1 + random_below(e, 256);
    t->model.element = 1u << turn % 3;
    t->model.kv_heads = 1 + random_below(e, 16);
    t->model.query_heads = t->model.kv_heads * (1u << turn % 4);
}

static int check(struct exercise *e) {
    static struct task t;
    for (unsigned turn = 0; turn < 200; turn++) {
        struct counted yours;
        make(e, &t, turn);
        const struct model *m = &t.model;
        uint64_t token = 2ull * m->kv_heads * m->head * m->element, all = 0, unique = 0;
        bool read[POOL * 16] = {false};
        for (uint32_t s = 0; s < t.rows.sequences; s++)
            for (int32_t k = 0; k < t.rows.tokens[s]; k++) {
                bool *slot = &read[slot_of(&t.rows, s, k)];
                unique += !*slot;
                all++;
                *slot = true;
            }
        if (ask(e, &t, sizeof t, &yours, sizeof yours) != 0)
            return 1;
        if (yours.status != 0)
            return not_yet(e, "it found no memory");
        if (yours.loaded != all * token)
            return not_yet(e,
                           "%u sequences, %llu tokens in all, %u KV heads of %u channels, %u bytes "
                           "each: %llu bytes are loaded, not %llu",
                           t.rows.sequences, (unsigned long long)all, m->kv_heads, m->head,
                           m->element, (unsigned long long)(all * token),
                           (unsigned long long)yours.loaded);
        if (yours.distinct != unique * token)
            return not_yet(e, "%llu of the %llu bytes are distinct, not %llu",
                           (unsigned long long)(unique * token), (unsigned long long)yours.loaded,
                           (unsigned long long)yours.distinct);
    }
    return 0;
}

#endif
