/*
 * ranks_gemm.c: see ranks_gemm.h.
 */
#include "kernels/ranks/ranks_gemm.h"

#include <dnnl.h>
#include <dnnl_debug.h>
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/philox.h"

/* B in a format of the library's; several ways and numbers of rows may share it. */
struct packed {
    dnnl_memory_desc_t format;
    float *memory;
    struct packed *next;
};

struct way {
    struct ranks_gemm_way says;
    dnnl_primitive_desc_t description;
    /* Once it was chosen: */
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c, scratch;
    void *scratch_memory;
};

/* The ways for a number of rows. */
struct shape {
    unsigned rows;
    size_t count;
    struct way way[RANKS_GEMM_WAYS];
    struct shape *next;
};

struct ranks_gemm {
    unsigned rows_most, n, k;
    float *a, *b, *c;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct packed *packed;
    struct shape *shapes;
    const struct way *now;
};

static int check(dnnl_status_t status, const char *what, char *why) {
    if (status == dnnl_success)
        return 0;
    snprintf(why, RANKS_WHY, "oneDNN: %s failed: %s", what, dnnl_status2str(status));
    return -1;
}

/* At least one byte, at the start of a line of cache. */
static void *lines(size_t bytes) {
    return aligned_alloc(64, (bytes / 64 + 1) * 64);
}

/* --- ways ---------------------------------------------------------------------------------------
 */

static int formats(const struct ranks_gemm *g, unsigned rows, bool own, dnnl_memory_desc_t *a,
                   dnnl_memory_desc_t *b, dnnl_memory_desc_t *c, char *why) {
    dnnl_dims_t sizes[] = {{rows, g->k}, {g->k, g->n}, {rows, g->n}};
    return check(dnnl_memory_desc_init_by_tag(a, 2, sizes[0], dnnl_f32, dnnl_ab), "A's format",
                 why) != 0 ||
                   check(dnnl_memory_desc_init_by_tag(b, 2, sizes[1], dnnl_f32,
                                                      own ? dnnl_format_tag_any : dnnl_ba),
                         "B's format", why) != 0 ||
                   check(dnnl_memory_desc_init_by_tag(c, 2, sizes[2], dnnl_f32, dnnl_ab),
                         "C's format", why) != 0
               ? -1
               : 0;
}

static uint64_t bytes_of(dnnl_primitive_desc_t description, dnnl_query_t what) {
    return dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(description, what, 0));
}

/* Notes a way, whose description becomes the shape's. With a format of the library's own only those
 * count that want B in blocks: the others would take it as it is. */
static int note(struct shape *s, dnnl_primitive_desc_t description, bool own, char *why) {
    const dnnl_memory_desc_t *b =
        dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    struct way *way = &s->way[s->count];
    const char *name;
    if (s->count == RANKS_GEMM_WAYS ||
        (own && (b->format_kind != dnnl_blocked || b->format_desc.blocking.inner_nblks == 0))) {
        dnnl_primitive_desc_destroy(description);
        return 0;
    }
    way->description = description;
    s->count++;
    if (check(dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name), "a name",
              why) != 0)
        return -1;
    uint64_t copy = own ? bytes_of(description, dnnl_query_weights_md) : 0;
    uint64_t scratch = bytes_of(description, dnnl_query_scratchpad_md);
    snprintf(way->says.variant, sizeof way->says.variant, "%s%.20s", own ? "packed " : "", name);
    way->says.bytes = copy + scratch;
    way->says.piece = copy > scratch ? copy : scratch;
    return 0;
}

static int list(const struct ranks_gemm *g, struct shape *s, bool own, char *why) {
    dnnl_memory_desc_t a, b, c;
    dnnl_matmul_desc_t operation;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_iterator_t at = NULL;
    if (formats(g, s->rows, own, &a, &b, &c, why) != 0 ||
        check(dnnl_matmul_desc_init(&operation, &a, &b, NULL, &c), "a product", why) != 0 ||
        check(dnnl_primitive_attr_create(&attributes), "attributes", why) != 0)
        return -1;
    int status =
        check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
              "a workspace of ours", why);
    if (status == 0)
        status = check(dnnl_primitive_desc_iterator_create(&at, (const_dnnl_op_desc_t)&operation,
                                                           attributes, g->engine, NULL),
                       "listing implementations", why);
    dnnl_status_t more = dnnl_success;
    while (status == 0 && more == dnnl_success) {
        dnnl_primitive_desc_t description = dnnl_primitive_desc_iterator_fetch(at);
        status = description ? note(s, description, own, why) : 0;
        more = dnnl_primitive_desc_iterator_next(at);
    }
    dnnl_primitive_desc_iterator_destroy(at);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

static void close_shape(struct shape *s) {
    for (size_t k = 0; k < s->count; k++) {
        struct way *w = &s->way[k];
        dnnl_memory_destroy(w->a);
        dnnl_memory_destroy(w->b);
        dnnl_memory_destroy(w->c);
        dnnl_memory_destroy(w->scratch);
        dnnl_primitive_destroy(w->primitive);
        dnnl_primitive_desc_destroy(w->description);
        free(w->scratch_memory);
    }
    free(s);
}

static struct shape *shape_of(struct ranks_gemm *g, unsigned rows, char *why) {
    struct shape *s = g->shapes;
    while (s && s->rows != rows)
        s = s->next;
    if (s)
        return s;
    if (rows < 1 || rows > g->rows_most) {
        snprintf(why, RANKS_WHY, "a product of %u rows; there are 1 to %u", rows, g->rows_most);
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(why, RANKS_WHY, "no memory for a product");
        return NULL;
    }
    s->rows = rows;
    if (list(g, s, true, why) != 0 || list(g, s, false, why) != 0) {
        close_shape(s);
        return NULL;
    }
    s->next = g->shapes;
    g->shapes = s;
    return s;
}

size_t ranks_gemm_ways(struct ranks_gemm *g, unsigned rows,
                       struct ranks_gemm_way ways[RANKS_GEMM_WAYS], char *why) {
    const struct shape *s = shape_of(g, rows, why);
    for (size_t k = 0; s && k < s->count; k++)
        ways[k] = s->way[k].says;
    return s ? s->count : 0;
}

/* --- preparing ----------------------------------------------------------------------------------
 */

/* Copies B into `format`, by a primitive of the library. */
static int reorder(struct ranks_gemm *g, const dnnl_memory_desc_t *format, float *into, char *why) {
    dnnl_memory_desc_t a, plain, c;
    dnnl_memory_t from = NULL, to = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    if (formats(g, 1, false, &a, &plain, &c, why) != 0)
        return -1;
    int status = check(dnnl_memory_create(&from, &plain, g->engine, g->b), "B", why);
    if (status == 0)
        status = check(dnnl_memory_create(&to, format, g->engine, into), "B's copy", why);
    if (status == 0)
        status = check(dnnl_reorder_primitive_desc_create(&description, &plain, g->engine, format,
                                                          g->engine, NULL),
                       "choosing how to pack B", why);
    if (status == 0)
        status = check(dnnl_primitive_create(&primitive, description), "packing B", why);
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    if (status == 0)
        status =
            check(dnnl_primitive_execute(primitive, g->stream, 2, arguments), "packing B", why);
    if (status == 0)
        status = check(dnnl_stream_wait(g->stream), "packing B", why);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(description);
    dnnl_memory_destroy(to);
    dnnl_memory_destroy(from);
    return status;
}

/* B in this format; NULL with `why`. */
static float *packed_in(struct ranks_gemm *g, const dnnl_memory_desc_t *format, char *why) {
    struct packed *p = g->packed;
    while (p && !dnnl_memory_desc_equal(&p->format, format))
        p = p->next;
    if (p)
        return p->memory;
    p = calloc(1, sizeof *p);
    if (p)
        p->memory = lines(dnnl_memory_desc_get_size(format));
    if (!p || !p->memory || reorder(g, format, p->memory, why) != 0) {
        if (!p || !p->memory)
            snprintf(why, RANKS_WHY, "no memory for a copy of B");
        if (p)
            free(p->memory);
        free(p);
        return NULL;
    }
    p->format = *format;
    p->next = g->packed;
    g->packed = p;
    return p->memory;
}

static int create_memory(const struct ranks_gemm *g, dnnl_memory_t *out, const struct way *w,
                         dnnl_query_t what, void *at, char *why) {
    return check(dnnl_memory_create(out, dnnl_primitive_desc_query_md(w->description, what, 0),
                                    g->engine, at),
                 "an operand", why);
}

static int make_ready(struct ranks_gemm *g, struct way *w, char *why) {
    const dnnl_memory_desc_t *format =
        dnnl_primitive_desc_query_md(w->description, dnnl_query_weights_md, 0);
    bool own = format->format_desc.blocking.inner_nblks > 0;
    float *b = own ? packed_in(g, format, why) : g->b;
    w->scratch_memory = lines(bytes_of(w->description, dnnl_query_scratchpad_md));
    if (!b || !w->scratch_memory) {
        if (b)
            snprintf(why, RANKS_WHY, "no memory for a workspace");
        return -1;
    }
    if (create_memory(g, &w->a, w, dnnl_query_src_md, g->a, why) != 0 ||
        create_memory(g, &w->b, w, dnnl_query_weights_md, b, why) != 0 ||
        create_memory(g, &w->c, w, dnnl_query_dst_md, g->c, why) != 0 ||
        create_memory(g, &w->scratch, w, dnnl_query_scratchpad_md, w->scratch_memory, why) != 0)
        return -1;
    return check(dnnl_primitive_create(&w->primitive, w->description), "a primitive", why);
}

static int run(const struct ranks_gemm *g, const struct way *w, char *why) {
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, w->a},
                                   {DNNL_ARG_WEIGHTS, w->b},
                                   {DNNL_ARG_DST, w->c},
                                   {DNNL_ARG_SCRATCHPAD, w->scratch}};
    return check(dnnl_primitive_execute(w->primitive, g->stream, 4, arguments), "a product", why) !=
                   0
               ? -1
               : check(dnnl_stream_wait(g->stream), "waiting for a product", why);
}

int ranks_gemm_prepare(struct ranks_gemm *g, unsigned rows, uint64_t bytes, uint64_t piece,
                       char variant[RANKS_VARIANT], char *why) {
    struct shape *s = shape_of(g, rows, why);
    size_t k = 0;
    if (!s)
        return -1;
    piece = piece == 0 ? bytes : piece;
    while (k < s->count && (s->way[k].says.bytes > bytes || s->way[k].says.piece > piece))
        k++;
    if (k == s->count) {
        snprintf(why, RANKS_WHY,
                 "no product of %u × %u × %u fits into a workspace of %" PRIu64 " bytes", rows,
                 g->n, g->k, bytes);
        return -1;
    }
    struct way *w = &s->way[k];
    if (!w->primitive && (make_ready(g, w, why) != 0 || run(g, w, why) != 0))
        return -1;
    g->now = w;
    memcpy(variant, w->says.variant, RANKS_VARIANT);
    return 0;
}

int ranks_gemm_run(struct ranks_gemm *g, char *why) {
    if (g->now)
        return run(g, g->now, why);
    snprintf(why, RANKS_WHY, "no product was prepared");
    return -1;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

/* Times do not depend on the numbers. */
static void fill(float *x, size_t count, uint64_t seed, uint64_t stream) {
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(philox_unit(philox_u64(seed, stream, i)) - 0.5);
}

int ranks_gemm_open(struct ranks_gemm **out, unsigned rows_most, unsigned n, unsigned k,
                    uint64_t seed, char *why) {
    struct ranks_gemm *g = calloc(1, sizeof *g);
    *out = NULL;
    if (g) {
        g->rows_most = rows_most, g->n = n, g->k = k;
        g->a = lines(sizeof *g->a * rows_most * k);
        g->b = lines(sizeof *g->b * n * k);
        g->c = lines(sizeof *g->c * rows_most * n);
    }
    if (!g || !g->a || !g->b || !g->c) {
        ranks_gemm_close(g);
        snprintf(why, RANKS_WHY, "no memory for a product of %u × %u × %u", rows_most, n, k);
        return -1;
    }
    fill(g->a, (size_t)rows_most * k, seed, 0x5205);
    fill(g->b, (size_t)n * k, seed, 0x5206);
    omp_set_num_threads(1);
    if (check(dnnl_engine_create(&g->engine, dnnl_cpu, 0), "the CPU engine", why) != 0 ||
        check(dnnl_stream_create(&g->stream, g->engine, dnnl_stream_default_flags), "a stream",
              why) != 0) {
        ranks_gemm_close(g);
        return -1;
    }
    *out = g;
    return 0;
}

void ranks_gemm_close(struct ranks_gemm *g) {
    if (!g)
        return;
    while (g->shapes) {
        struct shape *s = g->shapes;
        g->shapes = s->next;
        close_shape(s);
    }
    while (g->packed) {
        struct packed *p = g->packed;
        g->packed = p->next;
        free(p->memory);
        free(p);
    }
    dnnl_stream_destroy(g->stream);
    dnnl_engine_destroy(g->engine);
    free(g->a);
    free(g->b);
    free(g->c);
    free(g);
}

const float *ranks_gemm_a(const struct ranks_gemm *g) {
    return g->a;
}

const float *ranks_gemm_b(const struct ranks_gemm *g) {
    return g->b;
}

float *ranks_gemm_c(struct ranks_gemm *g) {
    return g->c;
}
