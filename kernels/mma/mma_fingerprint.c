/*
 * mma_fingerprint.c: see mma_fingerprint.h.
 */
#include "kernels/mma/mma_fingerprint.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- hashes: FNV-1a of 128 bits ----------------------------------------------------------------
 */

#define HASH_START ((unsigned __int128)0x6c62272e07bb0142u << 64 | 0x62b821756295c58du)
#define HASH_PRIME ((unsigned __int128)0x1000000u << 64 | 0x13bu)

static unsigned __int128 hash_bytes(unsigned __int128 hash, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * HASH_PRIME;
    return hash;
}

static struct mma_hash128 hash_out(unsigned __int128 hash) {
    return (struct mma_hash128){(uint64_t)(hash >> 64), (uint64_t)hash};
}

bool mma_hash128_equal(struct mma_hash128 a, struct mma_hash128 b) {
    return a.high == b.high && a.low == b.low;
}

char *mma_hash128_text(struct mma_hash128 hash, char *out) {
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash.high,
             (unsigned long long)hash.low);
    return out;
}

/* --- one class ---------------------------------------------------------------------------------
 */

/* Fields one by one: padding is nobody's value. */
static unsigned __int128 hash_arithmetic(unsigned __int128 hash, const struct mma_revealed *r) {
    const struct recover_arithmetic *a = &r->found.arithmetic;
    size_t n = tree_leaves(r->found.tree), inner = n > 1 ? tree_root(r->found.tree) - n + 1 : 0;
    uint32_t rest[] = {(uint32_t)a->fraction, a->toward_zero, r->found.subnormals_flushed,
                       (uint32_t)r->target.type};
    hash = hash_bytes(hash, a->leaf, n);
    hash = hash_bytes(hash, a->whole, n);
    for (size_t k = 0; k < inner; k++) {
        uint32_t step[] = {a->step[k].in, a->step[k].to, a->step[k].whole, a->step[k].other};
        hash = hash_bytes(hash, step, sizeof step);
    }
    return hash_bytes(hash, rest, sizeof rest);
}

/* The tree's text is equal exactly for equal trees. Nodes are numbered as they were found, which
 * the same answers to the same questions lead to again. */
static int identify(const struct mma_revealed *r, uint64_t seen, struct mma_hash128 *id) {
    const char *verdict = recover_status_name(r->found.status);
    unsigned __int128 hash = hash_bytes(HASH_START, verdict, strlen(verdict) + 1);
    if (r->found.status == RECOVER_FOUND) {
        char *text = tree_text(r->found.tree);
        if (!text)
            return device_fail("out of memory for a tree of %zu terms", tree_leaves(r->found.tree));
        hash = hash_bytes(hash, text, strlen(text) + 1);
        hash = hash_arithmetic(hash, r);
        free(text);
    } else {
        hash = hash_bytes(hash, &seen, sizeof seen);
    }
    *id = hash_out(hash);
    return 0;
}

int mma_revealed_id(const struct mma_revealed *revealed, struct mma_hash128 *id) {
    return revealed->found.status == RECOVER_FOUND
               ? identify(revealed, 0, id)
               : device_fail("no tree was found: %s", revealed->found.why);
}

/* --- text --------------------------------------------------------------------------------------
 */

static int write_tile(const struct mma_fingerprint *p, const char *name, size_t m, size_t n,
                      FILE *out) {
    uint32_t class = mma_class_of(&p->classes, m, n);
    const struct recovery *found = &p->tree[class].found;
    struct mma_family family;
    char digits[33];
    fprintf(out, "%s (%zu, %zu): class %u, ", name, m, n, (unsigned)class);
    if (found->status != RECOVER_FOUND) {
        fprintf(out, "%s\n", recover_status_name(found->status));
        return 0;
    }
    if (mma_family_of(found->tree, &family) != 0)
        return -1;
    fprintf(out, "tree %s: %s; %s\n", mma_hash128_text(p->id[class], digits), family.text,
            found->rule);
    return 0;
}

static int write_text(struct mma_fingerprint *p, const struct job *job) {
    const struct mma_problem *problem = &((struct mma_job *)job->context)->operands->problem;
    const struct mma_shape *s = &problem->shape;
    size_t size, m = s->m - 1, n = s->n - 1;
    char digits[33], *plan = NULL;
    json_t *record = job_plan(job);
    FILE *out = open_memstream(&p->text, &size);
    if (record)
        plan = json_dumps(record, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENSURE_ASCII);
    int status = out && (plan || !record) ? 0 : device_fail("out of memory for a fingerprint");
    if (out) {
        fprintf(out, "product %zu x %zu x %zu, %s to %s\n", s->m, s->n, s->k,
                element_word(problem->in), element_word(problem->out));
        fprintf(out, "plan %s\n", plan ? plan : "not recorded");
        if (status == 0)
            status = write_tile(p, "interior", 0, 0, out) ||
                             write_tile(p, "trailing row", m, 0, out) ||
                             write_tile(p, "trailing column", 0, n, out) ||
                             write_tile(p, "corner", m, n, out)
                         ? -1
                         : 0;
        fprintf(out, "classes %zu, order %s\n", p->classes.count,
                mma_hash128_text(p->order, digits));
        if (fclose(out) != 0 && status == 0)
            status = device_fail("out of memory for a fingerprint");
    }
    free(plan);
    json_decref(record);
    return status;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static int reveal_all(struct mma_fingerprint *p, const struct job *job,
                      const struct recover_options *options) {
    const struct mma_classes *classes = &p->classes;
    size_t count = classes->shape.m * classes->shape.n;
    if (classes->count > MMA_FINGERPRINT_CLASSES && !classes->different)
        return device_fail("%zu classes of elements, each with an order of its own: more than %d "
                           "are not looked at",
                           classes->count, MMA_FINGERPRINT_CLASSES);
    if (classes->different) { /* classes mean nothing: one verdict for all */
        memset(classes->of, 0, count * sizeof *classes->of);
        p->classes.count = 1;
    }
    p->tree = calloc(classes->count, sizeof *p->tree);
    p->id = calloc(classes->count, sizeof *p->id);
    if (!p->tree || !p->id)
        return device_fail("out of memory for %zu trees", classes->count);
    p->complete = true;
    unsigned __int128 hash = hash_bytes(HASH_START, classes->of, count * sizeof *classes->of);
    /* Numbers of classes come in ascending order: the first element of each. */
    for (size_t at = 0, next = 0; at < count && next < classes->count; at++) {
        if (classes->of[at] != next)
            continue;
        if (mma_reveal(&p->tree[next], job, classes, at / classes->shape.n, at % classes->shape.n,
                       options) != 0 ||
            identify(&p->tree[next], classes->different ? 0 : classes->seen[next], &p->id[next]) !=
                0)
            return -1;
        uint64_t id[] = {p->id[next].high, p->id[next].low};
        hash = hash_bytes(hash, id, sizeof id);
        p->complete = p->complete && p->tree[next].found.status == RECOVER_FOUND;
        next++;
    }
    p->order = hash_out(hash);
    return 0;
}

int mma_fingerprint_open(struct mma_fingerprint *out, const struct job *job,
                         const struct recover_options *options) {
    *out = (struct mma_fingerprint){0};
    if (mma_classes_find(&out->classes, job, options ? options->seed : 0) != 0)
        return -1;
    int status = reveal_all(out, job, options);
    if (status == 0)
        status = write_text(out, job);
    if (status == 0)
        out->hash = hash_out(hash_bytes(HASH_START, out->text, strlen(out->text)));
    else
        mma_fingerprint_close(out);
    return status;
}

void mma_fingerprint_close(struct mma_fingerprint *p) {
    for (size_t k = 0; p->tree && k < p->classes.count; k++)
        mma_revealed_close(&p->tree[k]);
    free(p->tree);
    free(p->id);
    free(p->text);
    mma_classes_close(&p->classes);
    *p = (struct mma_fingerprint){0};
}

struct mma_hash128 mma_fingerprint_tree(const struct mma_fingerprint *p, size_t m, size_t n) {
    return p->id[mma_class_of(&p->classes, m, n)];
}

const struct mma_revealed *mma_fingerprint_revealed(const struct mma_fingerprint *p, size_t m,
                                                    size_t n) {
    return &p->tree[mma_class_of(&p->classes, m, n)];
}
