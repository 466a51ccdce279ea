/*
 * ptx_matrix.c: what a warp does on matrices: mma, wmma and ldmatrix. All 32 lanes meet in one
 * instruction, bring the registers of their fragments, and get those of the result.
 *
 * Fragments of mma and ldmatrix are laid out as the PTX ISA manual (9.0) has it, "Matrix Fragments
 * for mma.m16n8k…". Those of wmma it leaves open: here a lane holds elements one after another, as
 * often as its registers have room for. The arithmetic is not the manual's, which leaves it open
 * too, but the rule of mma_rule.h for the architecture that the text was made for.
 */
#include <stdio.h>

#include "kernels/mma/mma_rule.h"
#include "kernels/ptx/ptx_inside.h"

#define MOST 32 /* rows, columns or products */

static const enum element elements[] = {
    [PTX_F16] = ELEMENT_F16,   [PTX_BF16] = ELEMENT_BF16, [PTX_TF32] = ELEMENT_TF32,
    [PTX_E4M3] = ELEMENT_E4M3, [PTX_E5M2] = ELEMENT_E5M2, [PTX_F32] = ELEMENT_F32};

static unsigned bytes_of(enum ptx_format format) {
    return format >= PTX_TF32 && format != PTX_E4M3 && format != PTX_E5M2 && format != PTX_S8 ? 4
           : format == PTX_F16 || format == PTX_BF16                                          ? 2
                                                                                              : 1;
}

bool ptx_matrix_rule(int arch, const struct ptx_matrix_form *form, struct mma_rule *rule) {
    char name[16];
    snprintf(name, sizeof name, "sm_%d", arch);
    const struct mma_rule *found =
        mma_rule_find(name, MMA_SYNC, elements[form->in], elements[form->out]);
    /* wmma is made of as many instructions as it needs. */
    if (!found || (form->does == PTX_MMA && form->k > found->k))
        return false;
    *rule = *found;
    rule->k = form->k < rule->k ? form->k : rule->k;
    return true;
}

/* --- numbers in registers ------------------------------------------------------------------------
 */

static float number_of(enum ptx_format format, uint32_t word, unsigned at) {
    float value;
    if (format == PTX_S8)
        return (float)(int8_t)(word >> 8 * at);
    if (bytes_of(format) != 4)
        return (float)element_get(elements[format], &word, at);
    memcpy(&value, &word, sizeof value); /* of tf32 the rule sees no more than counts */
    return value;
}

static uint32_t bits_of(enum ptx_format format, float value) {
    uint32_t bits = 0;
    element_set(elements[format], &bits, 0, (double)value);
    if (format == PTX_F32)
        memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* --- mma -----------------------------------------------------------------------------------------
 */

/* A's rows, or B's columns, [row][k]. Lane 4 g + t holds, of a register of e elements, k = e t …,
 * the next register of that row 4 e further on; of row or column g, and of A also of row g + 8,
 * register by register in turn. */
static void gather(const struct ptx_fiber *lanes, const struct ptx_matrix_form *form, bool is_a,
                   float *to) {
    unsigned e = 4 / bytes_of(form->in), sides = is_a ? 2 : 1;
    for (unsigned l = 0; l < PTX_WARP; l++) {
        const uint32_t *from = is_a ? lanes[l].matrix->a : lanes[l].matrix->b;
        for (unsigned r = 0; r < form->k / (4 * e) * sides; r++)
            for (unsigned i = 0; i < e; i++)
                to[(l / 4 + r % sides * 8) * form->k + r / sides * 4 * e + l % 4 * e + i] =
                    number_of(form->in, from[r], i);
    }
}

/* Where a lane's i-th element of C and D is, of eight columns: of row g, then g + 8, columns 2 t
 * and 2 t + 1. */
static unsigned place_of(unsigned lane, unsigned i) {
    return (lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2;
}

/* Sums of 32 bits that wrap around. */
static void multiply_integers(const struct ptx_fiber *lanes, const float *a, const float *b,
                              unsigned k) {
    for (unsigned l = 0; l < PTX_WARP; l++)
        for (unsigned i = 0; i < 4; i++) {
            const float *x = a + place_of(l, i) / 8 * k, *y = b + place_of(l, i) % 8 * k;
            uint32_t sum = lanes[l].matrix->c[i];
            for (unsigned j = 0; j < k; j++)
                sum += (uint32_t)((int32_t)x[j] * (int32_t)y[j]);
            lanes[l].matrix->d[i] = sum;
        }
}

/* The rule's product, or that of a test which has changed it. */
static void multiply(struct ptx_fiber *lanes, const struct ptx_matrix_form *form, const float *a,
                     const float *b, const float *c, float *d) {
    struct mma_rule rule;
    int arch = ptx_running->code->text.arch;
    if (!ptx_matrix_rule(arch, form, &rule))
        ptx_fail(lanes, lanes->line, "no rule is known for this matrix instruction on sm_%d", arch);
    if (ptx_running->config.rule)
        ptx_running->config.rule(&rule);
    mma_tile(&rule, form->m, form->n, form->k, a, b, c, d);
}

static void do_mma(struct ptx_fiber *lanes, const struct ptx_matrix_form *form) {
    float a[16 * MOST], b[8 * MOST], c[16 * 8], d[16 * 8];
    unsigned per = 4 / bytes_of(form->out);
    gather(lanes, form, true, a);
    gather(lanes, form, false, b);
    if (form->in == PTX_S8) {
        multiply_integers(lanes, a, b, form->k);
        return;
    }
    for (unsigned l = 0; l < PTX_WARP; l++)
        for (unsigned i = 0; i < 4; i++)
            c[place_of(l, i)] = number_of(form->out, lanes[l].matrix->c[i / per], i % per);
    multiply(lanes, form, a, b, c, d);
    for (unsigned l = 0; l < PTX_WARP; l++)
        for (unsigned i = 0; i < 4; i += per) {
            uint32_t bits = bits_of(form->out, d[place_of(l, i)]);
            if (per == 2)
                bits |= bits_of(form->out, d[place_of(l, i + 1)]) << 16;
            lanes[l].matrix->d[i / per] = bits;
        }
}

/* --- wmma ----------------------------------------------------------------------------------------
 */

/* A matrix as rows of what is added up or stored together: A [m][k], B [n][k], C and D [m][n]. */
struct sides {
    unsigned rows, columns;
    enum ptx_format format;
};
static struct sides sides_of(const struct ptx_matrix_form *form, char side) {
    return (struct sides){side == 'b' ? form->n : form->m, side == 'c' ? form->n : form->k,
                          side == 'c' ? form->out : form->in};
}

static void fragments_to_matrix(const struct ptx_fiber *lanes, const struct ptx_matrix_form *form,
                                char side, float *to) {
    const struct sides s = sides_of(form, side);
    unsigned own = s.rows * s.columns / PTX_WARP, per = 4 / bytes_of(s.format);
    for (unsigned l = 0; l < PTX_WARP; l++) {
        const struct ptx_matrix *m = lanes[l].matrix;
        const uint32_t *from = side == 'a' ? m->a : side == 'b' ? m->b : m->c;
        for (unsigned e = 0; e < own; e++)
            *to++ = number_of(s.format, from[e / per], e % per);
    }
}

static void do_wmma(struct ptx_fiber *lanes, const struct ptx_matrix_form *form) {
    float a[MOST * 16], b[MOST * 16], c[16 * 16], d[16 * 16];
    const struct sides s = sides_of(form, 'c');
    fragments_to_matrix(lanes, form, 'a', a);
    fragments_to_matrix(lanes, form, 'b', b);
    fragments_to_matrix(lanes, form, 'c', c);
    multiply(lanes, form, a, b, c, d);
    unsigned own = s.rows * s.columns / PTX_WARP, per = 4 / bytes_of(s.format);
    for (unsigned l = 0; l < PTX_WARP; l++)
        for (unsigned e = 0; e < own; e++) {
            uint32_t bits = bits_of(s.format, d[l * own + e]), *to = lanes[l].matrix->d;
            to[e / per] = e % per ? to[e / per] | bits << 16 : bits;
        }
}

static uint8_t *place(struct ptx_fiber *f, uint64_t address, unsigned bytes) {
    switch (f->matrix->space) {
    case PTX_SHARED:
        return ptx_shared(&f->t, address, bytes, f->line);
    case PTX_GLOBAL:
        return ptx_global(&f->t, address, bytes, f->line);
    default:
        return ptx_generic(&f->t, address, bytes, f->line);
    }
}

/* Which lane touches what of a matrix is open; here each its own part of it. */
static uint8_t *touched(struct ptx_fiber *f, uint64_t address, unsigned bytes, enum ptx_touch how) {
    uint8_t *memory = place(f, address, bytes);
    ptx_touch(&f->t, memory, bytes, how, f->line);
    return memory;
}

/* "The behavior is undefined if all threads … do not use the same values of p and stride". A row
 * begins where 16 bytes do, as CUDA C++ promises of load_matrix_sync's step; the manual of PTX
 * wants as many as a fragment has, which are 32 of f16's A and B. */
static void check_memory(struct ptx_fiber *lanes, const struct sides *s) {
    const struct ptx_matrix *first = lanes->matrix;
    for (unsigned l = 1; l < PTX_WARP; l++)
        if (lanes[l].matrix->address != first->address || lanes[l].matrix->stride != first->stride)
            ptx_fail(&lanes[l], lanes[l].line,
                     "lane %u names another matrix in memory than lane 0: at 0x%llx, %u apart", l,
                     (unsigned long long)lanes[l].matrix->address, lanes[l].matrix->stride);
    if (first->address % 16 || (uint64_t)first->stride * bytes_of(s->format) % 16)
        ptx_fail(
            lanes, lanes->line,
            "a matrix at 0x%llx whose rows are %u elements of %u bytes apart: not all begin at "
            "a multiple of 16",
            (unsigned long long)first->address, first->stride, bytes_of(s->format));
}

/* A fragment from or to memory; of what a lane holds more than once the copies are the same. */
static void do_memory(struct ptx_fiber *lanes, const struct ptx_matrix_form *form) {
    const struct sides s = sides_of(form, form->side);
    unsigned own = s.rows * s.columns / PTX_WARP, bytes = bytes_of(s.format), per = 4 / bytes;
    bool turned = form->by_columns != (form->side == 'b');
    check_memory(lanes, &s);
    for (unsigned l = 0; l < PTX_WARP; l++) {
        struct ptx_fiber *f = &lanes[l];
        const struct ptx_matrix *m = f->matrix;
        for (unsigned e = 0; e < (form->does == PTX_WMMA_STORE ? own : form->count * per); e++) {
            unsigned i = l * own + e % own, row = i / s.columns, column = i % s.columns;
            uint64_t at =
                turned ? (uint64_t)column * m->stride + row : (uint64_t)row * m->stride + column;
            bool store = form->does == PTX_WMMA_STORE;
            uint8_t *memory =
                touched(f, m->address + at * bytes, bytes, store ? PTX_WRITES : PTX_READS);
            if (store)
                memcpy(memory, (const uint8_t *)m->a + e * bytes, bytes);
            else
                memcpy((uint8_t *)m->d + e * bytes, memory, bytes);
        }
    }
}

/* --- ldmatrix ------------------------------------------------------------------------------------
 */

/* Row r of matrix i is the 16 bytes that lane 8 i + r names; of it, lane 4 r + t gets word t. */
static void do_ldmatrix(struct ptx_fiber *lanes, const struct ptx_matrix_form *form) {
    const uint8_t *rows[PTX_WARP];
    for (unsigned l = 0; l < 8u * form->count; l++)
        rows[l] = touched(&lanes[l], lanes[l].matrix->address, 16, PTX_READS);
    for (unsigned l = 0; l < PTX_WARP; l++)
        for (unsigned i = 0; i < form->count; i++)
            memcpy(&lanes[l].matrix->d[i], rows[8 * i + l / 4] + 4 * (l % 4), 4);
}

/* --- a warp --------------------------------------------------------------------------------------
 */

void ptx_matrix_do(struct ptx_fiber *lanes) {
    const struct ptx_matrix_form *form = &lanes->matrix->form;
    if (form->does <= PTX_WMMA)
        ptx_counted.products += (uint64_t)form->m * form->n * form->k;
    for (unsigned l = 1; l < PTX_WARP; l++)
        if (lanes[l].line != lanes->line)
            ptx_fail(&lanes[l], lanes[l].line,
                     "lanes of one warp diverge: lane %u comes with another instruction on "
                     "matrices than lane 0, which is at line %d",
                     l, lanes->line);
    switch (form->does) {
    case PTX_MMA:
        do_mma(lanes, form);
        break;
    case PTX_WMMA:
        do_wmma(lanes, form);
        break;
    case PTX_LDMATRIX:
        do_ldmatrix(lanes, form);
        break;
    default:
        do_memory(lanes, form);
    }
}

void ptx_matrix(struct ptx_thread *t, const struct ptx_matrix *matrix, int line) {
    uint8_t p;
    ((struct ptx_fiber *)t)->matrix = matrix;
    ptx_meet(t, PTX_ON_MATRICES, 0, 0, 0, ~0u, &p, line);
}
