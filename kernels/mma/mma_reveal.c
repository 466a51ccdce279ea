/*
 * mma_reveal.c: see mma_reveal.h.
 */
#include "kernels/mma/mma_reveal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/philox.h"

/* Data sets that all elements are asked to add. Half of them cancel: then few sums of another order
 * have the same bits. */
#define CLASS_SETS 24

/* The operands of a job, and copies of them in which rows are exchanged. */
struct board {
    const struct job *job;
    const struct mma_operands *own;
    size_t k, a_step, b_step, size; /* bytes from row to row; bytes of a number */
    char *a, *b;                    /* laid out as the job's operands */
    float *c;
    bool a_changed, b_changed; /* since they were the job's own */
    size_t calls;
};

static void board_close(struct board *board) {
    free(board->a);
    free(board->b);
    free(board->c);
}

static int board_open(struct board *board, const struct job *job) {
    const struct mma_operands *own = ((struct mma_job *)job->context)->operands;
    const struct mma_problem *p = &own->problem;
    size_t a = mma_a_bytes(p), b = mma_b_bytes(p), count = p->shape.m * p->shape.n;
    *board = (struct board){.job = job, .own = own, .k = p->shape.k};
    if (!a || !b)
        return device_fail("a product of no elements, or of no terms, has no order");
    board->size = element_bytes(p->in);
    board->a_step = mma_lda(p) * board->size;
    board->b_step = mma_ldb(p) * board->size;
    board->a = malloc(a);
    board->b = malloc(b);
    board->c = malloc(count * sizeof *board->c);
    if (!board->a || !board->b || !board->c) {
        board_close(board);
        device_fail("out of memory for copies of operands of %zu and %zu bytes", a, b);
        return -1;
    }
    memcpy(board->a, own->a, a);
    memcpy(board->b, own->b, b);
    return 0;
}

static void set_row(struct board *board, bool of_b, size_t row, const void *numbers) {
    memcpy(of_b ? board->b + row * board->b_step : board->a + row * board->a_step, numbers,
           board->k * board->size);
    *(of_b ? &board->b_changed : &board->a_changed) = true;
}

/* The job's own rows again, in the copies. */
static void own_rows(struct board *board) {
    const struct mma_problem *p = &board->own->problem;
    if (board->a_changed)
        memcpy(board->a, board->own->a, mma_a_bytes(p));
    if (board->b_changed)
        memcpy(board->b, board->own->b, mma_b_bytes(p));
}

/* One product of the copies; C is read. */
static int multiply(struct board *board) {
    board->calls++;
    return mma_job_write(board->job, board->a_changed ? board->a : NULL,
                         board->b_changed ? board->b : NULL) ||
                   job_call(board->job) || mma_job_output(board->job, board->c)
               ? -1
               : 0;
}

/* --- classes -----------------------------------------------------------------------------------
 */

void mma_classes_close(struct mma_classes *classes) {
    free(classes->of);
    free(classes->seen);
    classes->of = NULL;
    classes->seen = NULL;
}

uint32_t mma_class_of(const struct mma_classes *classes, size_t m, size_t n) {
    return classes->of[m * classes->shape.n + n];
}

/* One row for all: normal numbers, in every second set followed by their negatives, nearly, in
 * another order. Small enough for the sum of any format's squares. */
static void class_row(void *row, enum element in, size_t k, uint64_t seed, uint64_t set,
                      bool of_b) {
    uint64_t stream = 0x6d6d6372u + 2 * set + of_b;
    for (size_t i = 0; i < k; i++) {
        double v = philox_normal(seed, stream, i);
        if (set % 2 && i >= k / 2 && i < k / 2 * 2) {
            double first = element_get(in, row, k - 1 - i);
            v = of_b ? first : -first * (1 + ldexp(v, -8));
        }
        element_set(in, row, i, v);
    }
}

/* Splits classes by the bits of C. Numbers of classes are handed out as they come, so that
 * element (0, 0) has class 0: `first` holds, per class, the element that it was found at. */
static int split(struct mma_classes *classes, const float *c, size_t count) {
    struct key {
        uint32_t of, bits, becomes;
    } *key = NULL;
    size_t slots = 64, used = 0;
    while (slots < 2 * count)
        slots *= 2;
    key = malloc(slots * sizeof *key);
    if (!key)
        return device_fail("out of memory for the classes of %zu elements", count);
    memset(key, 0xff, slots * sizeof *key);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &c[i], sizeof bits);
        uint64_t at = ((uint64_t)classes->of[i] << 32 | bits) * 0x9E3779B97F4A7C15u >> 20;
        for (at &= slots - 1; key[at].becomes != UINT32_MAX; at = (at + 1) & (slots - 1))
            if (key[at].of == classes->of[i] && key[at].bits == bits)
                break;
        if (key[at].becomes == UINT32_MAX)
            key[at] = (struct key){classes->of[i], bits, (uint32_t)used++};
        classes->of[i] = key[at].becomes;
    }
    free(key);
    classes->count = used;
    return 0;
}

/* FNV-1a over an element's values, a step. */
static uint64_t mix(uint64_t hash, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (int byte = 0; byte < 4; byte++)
        hash = (hash ^ (bits >> 8 * byte & 0xff)) * 0x100000001b3u;
    return hash;
}

/* `seen`, per element, to one per class: its first element's. */
static void keep_seen(struct mma_classes *classes, size_t count) {
    for (size_t i = 0, next = 0; i < count && next < classes->count; i++)
        if (classes->of[i] == next)
            classes->seen[next++] = classes->seen[i];
}

static int find_classes(struct mma_classes *classes, struct board *board, uint64_t seed) {
    const struct mma_problem *p = &board->own->problem;
    size_t count = p->shape.m * p->shape.n;
    void *row = malloc(board->k * board->size);
    float *again = malloc(count * sizeof *again);
    int status = row && again ? 0 : device_fail("out of memory for a row of %zu", board->k);
    for (uint64_t set = 0; set < CLASS_SETS && status == 0; set++) {
        class_row(row, p->in, board->k, seed, set, false);
        for (size_t m = 0; m < p->shape.m; m++)
            set_row(board, false, m, row);
        class_row(row, p->in, board->k, seed, set, true);
        for (size_t n = 0; n < p->shape.n; n++)
            set_row(board, true, n, row);
        status = multiply(board);
        if (status == 0)
            status = split(classes, board->c, count);
        for (size_t i = 0; i < count && status == 0; i++)
            classes->seen[i] = mix(set ? classes->seen[i] : 0xcbf29ce484222325u, board->c[i]);
        if (status == 0 && set % 8 == 7) {
            memcpy(again, board->c, count * sizeof *again);
            status = multiply(board);
            classes->different |= memcmp(again, board->c, count * sizeof *again) != 0;
        }
    }
    if (status == 0)
        keep_seen(classes, count);
    free(row);
    free(again);
    return status;
}

int mma_classes_find(struct mma_classes *out, const struct job *job, uint64_t seed) {
    struct board board;
    *out = (struct mma_classes){0};
    if (board_open(&board, job) != 0)
        return -1;
    out->shape = board.own->problem.shape;
    out->of = calloc(out->shape.m * out->shape.n, sizeof *out->of);
    out->seen = calloc(out->shape.m * out->shape.n, sizeof *out->seen);
    int status = out->of && out->seen
                     ? find_classes(out, &board, seed)
                     : device_fail("out of memory for the classes of a product's elements");
    out->calls = board.calls;
    board_close(&board);
    if (mma_job_restore(job) != 0)
        status = -1;
    if (status != 0)
        mma_classes_close(out);
    return status;
}

/* --- one element ------------------------------------------------------------------------------ */

struct element_board {
    struct board board;
    size_t m, n;
    /* Rows of A whose element in column n, columns whose element in row m, is of the class. Pairs:
     * elements of the class in rows and columns of their own, (m, n) the first of them. */
    size_t *row, *column, *pair_row, *pair_column;
    size_t rows, columns, pairs;
};

static int dot(void *context, const void *x, const void *y, size_t k, double *result) {
    struct element_board *e = context;
    (void)k;
    own_rows(&e->board);
    set_row(&e->board, false, e->m, x);
    set_row(&e->board, true, e->n, y);
    int status = multiply(&e->board);
    *result = e->board.c[e->m * e->board.own->problem.shape.n + e->n];
    return status;
}

static bool all_equal(const char *rows, size_t bytes, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (memcmp(rows, rows + i * bytes, bytes) != 0)
            return false;
    return true;
}

/* One operand is the same for all: the other's rows stand in rows of A, or of B, whichever has more
 * of the class. Products commute. */
static int dots_along(struct element_board *e, const char *varied, const char *same, size_t count,
                      double *results) {
    struct board *board = &e->board;
    bool in_b = e->columns > e->rows;
    const size_t *line = in_b ? e->column : e->row;
    size_t bytes = board->k * board->size, most = in_b ? e->columns : e->rows;
    size_t width = board->own->problem.shape.n;
    set_row(board, !in_b, in_b ? e->m : e->n, same);
    for (size_t from = 0; from < count; from += most) {
        size_t to = from + most < count ? from + most : count;
        for (size_t i = from; i < to; i++)
            set_row(board, in_b, line[i - from], varied + i * bytes);
        if (multiply(board) != 0)
            return -1;
        for (size_t i = from; i < to; i++)
            results[i] = in_b ? board->c[e->m * width + line[i - from]]
                              : board->c[line[i - from] * width + e->n];
    }
    return 0;
}

static int dots(void *context, const void *x, const void *y, size_t k, size_t count,
                double *results) {
    struct element_board *e = context;
    struct board *board = &e->board;
    size_t bytes = board->k * board->size, width = board->own->problem.shape.n;
    (void)k;
    if (all_equal(y, bytes, count))
        return dots_along(e, x, y, count, results);
    for (size_t from = 0; from < count; from += e->pairs) {
        size_t to = from + e->pairs < count ? from + e->pairs : count;
        for (size_t i = from; i < to; i++) {
            set_row(board, false, e->pair_row[i - from], (const char *)x + i * bytes);
            set_row(board, true, e->pair_column[i - from], (const char *)y + i * bytes);
        }
        if (multiply(board) != 0)
            return -1;
        for (size_t i = from; i < to; i++)
            results[i] = board->c[e->pair_row[i - from] * width + e->pair_column[i - from]];
    }
    return 0;
}

static void find_lines(struct element_board *e, const struct mma_classes *classes) {
    const struct mma_shape *s = &classes->shape;
    uint32_t class = mma_class_of(classes, e->m, e->n);
    for (size_t m = 0; m < s->m; m++)
        if (mma_class_of(classes, m, e->n) == class)
            e->row[e->rows++] = m;
    for (size_t n = 0; n < s->n; n++)
        if (mma_class_of(classes, e->m, n) == class)
            e->column[e->columns++] = n;
    e->pair_row[e->pairs] = e->m;
    e->pair_column[e->pairs++] = e->n;
    /* Each row takes the next column that fits. */
    for (size_t i = 0, j = 0; i < e->rows; i++) {
        size_t at = j;
        if (e->row[i] == e->m)
            continue;
        while (at < e->columns &&
               (e->column[at] == e->n || mma_class_of(classes, e->row[i], e->column[at]) != class))
            at++;
        if (at == e->columns)
            continue;
        e->pair_row[e->pairs] = e->row[i];
        e->pair_column[e->pairs++] = e->column[at];
        j = at + 1;
    }
}

/* f16 sums of halves span too little for the units alone; their products with 1 do: 2^15 against
 * 2^-24 hides them from up to 2^13 terms in 25 bits, cut off. */
static struct recover_options choose_options(const struct recover_options *given,
                                             const struct mma_problem *p) {
    struct recover_options options = given ? *given : (struct recover_options){0};
    if (p->in == ELEMENT_F16 && options.unit == 0.0 && options.mask == 0.0) {
        options.unit = 0x1p-24;
        options.mask = 0x1p15;
    }
    return options;
}

static int check_formats(const struct mma_problem *p) {
    if (p->out == ELEMENT_F32 || p->out == ELEMENT_BF16 || p->out == ELEMENT_F16)
        return 0;
    return device_fail("an output of %s counts too few terms", element_word(p->out));
}

static int study(struct mma_revealed *out, struct element_board *e,
                 const struct mma_classes *classes, const struct recover_options *given) {
    const struct mma_problem *p = &e->board.own->problem;
    struct recover_options options = choose_options(given, p);
    find_lines(e, classes);
    out->target = (struct recover_target){.type = p->in,
                                          .result = p->out,
                                          .dot = dot,
                                          .dots = dots,
                                          .at_once = e->rows > e->columns ? e->rows : e->columns,
                                          .copies = true,
                                          .context = e};
    int status = recover(&out->target, p->shape.k, &options, &out->found);
    out->target.context = NULL;
    out->calls = e->board.calls;
    if (status != 0)
        return device_error()[0] ? -1 : device_fail("%s", out->found.why);
    return 0;
}

int mma_reveal(struct mma_revealed *out, const struct job *job, const struct mma_classes *classes,
               size_t m, size_t n, const struct recover_options *options) {
    struct element_board e = {.m = m, .n = n};
    *out = (struct mma_revealed){0};
    if (board_open(&e.board, job) != 0)
        return -1;
    const struct mma_shape *s = &e.board.own->problem.shape;
    int status = check_formats(&e.board.own->problem);
    if (status == 0 && (m >= s->m || n >= s->n || classes->shape.m != s->m ||
                        classes->shape.n != s->n || classes->shape.k != s->k))
        status = device_fail("no element (%zu, %zu) there, or classes of another shape", m, n);
    e.row = calloc(2 * s->m, sizeof *e.row);
    e.column = calloc(s->n + s->m, sizeof *e.column);
    if (status == 0 && (!e.row || !e.column))
        status = device_fail("out of memory for the rows of a class");
    if (status == 0) {
        e.pair_row = e.row + s->m;
        e.pair_column = e.column + s->n;
        status = study(out, &e, classes, options);
    }
    free(e.row);
    free(e.column);
    board_close(&e.board);
    if (mma_job_restore(job) != 0)
        status = -1;
    if (status != 0)
        mma_revealed_close(out);
    return status;
}

void mma_revealed_close(struct mma_revealed *revealed) {
    recovery_free(&revealed->found);
}

int mma_reveal_value(const struct mma_revealed *revealed, const struct mma_operands *operands,
                     size_t m, size_t n, float *value) {
    size_t k = operands->problem.shape.k;
    double result = 0.0, *x = NULL;
    if (revealed->found.status != RECOVER_FOUND || !revealed->found.tree)
        return device_fail("no tree was found: %s", revealed->found.why);
    if (tree_leaves(revealed->found.tree) != k || operands->problem.in != revealed->target.type)
        return device_fail("the tree is one of other operands: %zu terms of %s",
                           tree_leaves(revealed->found.tree), element_word(revealed->target.type));
    x = malloc(2 * k * sizeof *x);
    for (size_t i = 0; x && i < k; i++) {
        x[i] = (double)mma_a(operands, m, i);
        x[k + i] = (double)mma_b(operands, n, i);
    }
    int status = x ? recovery_value(&revealed->found, &revealed->target, x, x + k, &result) : -1;
    free(x);
    *value = (float)result;
    return status == 0 ? 0 : device_fail("out of memory for %zu terms", k);
}
