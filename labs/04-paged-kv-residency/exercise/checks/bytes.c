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
    if (turn % 8 == 6) { /* so large a model that there are more than 2^32 bytes */
        t->model.head = 1024;
        t->model.kv_heads = 1024;
        t->model.element = 8;
    }
    t->model.query_heads = t->model.kv_heads * (1u << turn % 4);
}

/* What can be seen of it. */
static const char *remark(uint64_t yours, uint64_t right, char *text, size_t size) {
    uint64_t large = yours > right ? yours : right, small = yours > right ? right : yours;
    if (small == 0)
        return yours ? "" : ", which is nothing";
    if (right - yours == (uint64_t)1 << 32)
        return ", which is less by 2^32";
    if (large % small == 0 && large / small <= 4096)
        snprintf(text, size,
                 yours > right ? ", which is %u times as much" : ", which is 1/%u of it",
                 (unsigned)(large / small));
    else
        snprintf(text, size, ", which is too %s", yours > right ? "much" : "little");
    return text;
}

/* "2 sequences of 3 and 17 tokens", as far as there is room. */
static const char *lengths(const struct rows *r, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "%u sequence%s of ", r->sequences,
                                   r->sequences == 1 ? "" : "s");
    for (uint32_t s = 0; s < r->sequences; s++)
        used += (size_t)snprintf(text + used, size - used, "%s%d",
                                 s == 0                 ? ""
                                 : s + 1 < r->sequences ? ", "
                                                        : " and ",
                                 (int)r->tokens[s]);
    return text;
}

static int say(struct exercise *e, const struct task *t, uint64_t all, uint64_t unique,
               const struct counted *yours) {
    const struct model *m = &t->model;
    uint64_t token = 2ull * m->kv_heads * m->head * m->element;
    char rows[120], text[60];
    lengths(&t->rows, rows, sizeof rows);
    if (yours->loaded != all * token)
        return not_yet(e,
                       "%s tokens in blocks of %u; %u heads of queries, %u of keys and values, %u "
                       "channels of %u-byte numbers: %llu bytes are loaded, and you say %llu%s.",
                       rows, t->rows.block_tokens, m->query_heads, m->kv_heads, m->head, m->element,
                       (unsigned long long)(all * token), (unsigned long long)yours->loaded,
                       remark(yours->loaded, all * token, text, sizeof text));
    return not_yet(
        e,
        "%s tokens in blocks of %u, %llu bytes for each token: %llu bytes are loaded, of "
        "which %llu are distinct; you say %llu%s.",
        rows, t->rows.block_tokens, (unsigned long long)token, (unsigned long long)yours->loaded,
        (unsigned long long)(unique * token), (unsigned long long)yours->distinct,
        yours->distinct == yours->loaded
            ? ", which is all of them"
            : remark(yours->distinct, unique * token, text, sizeof text));
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
            return not_yet(e, "It says %d, which means that there was no memory.",
                           (int)yours.status);
        if (yours.loaded != all * token || yours.distinct != unique * token)
            return say(e, &t, all, unique, &yours);
    }
    return 0;
}

#endif
