/*
 * sass_run_matrix.c: matrix instructions, the loads of their fragments from shared memory, and a
 * lane's own products of bytes.
 *
 * A warp's lanes hold a matrix together. Which lane has which element in which register is as the
 * PTX ISA describes it for mma.sync, of which each of these instructions is one; what comes out is
 * computed by the rule of the program's architecture (kernels/mma/mma_rule.h), in integers where
 * the elements are integers.
 */
#include <stdio.h>
#include <string.h>

#include "kernels/mma/mma_rule.h"
#include "kernels/sass/sass_run.h"

/* Rows of A and D, columns of B and D; most elements of K. */
enum { ROWS = 16, COLUMNS = 8, DEPTH = 32 };

/* --- where a lane's elements are -----------------------------------------------------------------
 */

/* A row of a pair, a triple …: zeros are zeros all over. */
static const uint32_t *row_behind(const struct sass_warp *w, const struct sass_source *s,
                                  unsigned k) {
    return w->r[s->row == SASS_ROW_ZERO ? s->row : s->row + k];
}

/* The part of K that a register of A or B holds: `bytes` of an element, registers by their number
 * along K. */
static unsigned first_of(unsigned lane, unsigned along, unsigned bytes) {
    unsigned per = 4 / bytes;
    return along * 4 * per + lane % 4 * per;
}

/* Row of A (its registers take turns between rows r and r + 8), column of B. */
static unsigned row_of(unsigned lane, unsigned k, bool is_a) {
    return lane / 4 + (is_a ? 8 * (k % 2) : 0);
}

/* Elements of A or B, each a row of K, from their registers. */
static void gather(const struct sass_warp *w, const struct sass_code *op, bool is_a, float *to) {
    const struct sass_matrix *form = op->matrix;
    unsigned bytes = (unsigned)element_bytes((enum element)form->in), per = 4 / bytes;
    unsigned registers = form->k / (4 * per) * (is_a ? 2 : 1);
    for (unsigned k = 0; k < registers; k++) {
        const uint32_t *from = row_behind(w, &op->source[is_a ? 0 : 1], k);
        SASS_LANE(l) {
            float *at = to + row_of(l, k, is_a) * form->k + first_of(l, is_a ? k / 2 : k, bytes);
            for (unsigned e = 0; e < per; e++)
                at[e] = (float)element_get((enum element)form->in, &from[l], e);
        }
    }
}

/* The place of a lane's i-th element of C and D. */
static unsigned place_of(unsigned lane, unsigned i) {
    return (lane / 4 + 8 * (i / 2)) * COLUMNS + lane % 4 * 2 + i % 2;
}

/* --- multiplying ---------------------------------------------------------------------------------
 */

static void all_lanes(const struct sass_warp *w, uint32_t mask) {
    if (mask != SASS_ALL)
        sass_fail(w, -1, "only some of a warp's lanes (0x%x) come to an instruction of all", mask);
}

static void multiply(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    const struct sass_matrix *form = op->matrix;
    bool half = form->out == ELEMENT_F16;
    float a[ROWS * DEPTH], b[COLUMNS * DEPTH], c[ROWS * COLUMNS], d[ROWS * COLUMNS];
    struct mma_rule rule = *op->rule;
    all_lanes(w, mask);
    sass_counted.products += ROWS * COLUMNS * form->k;
    rule.k = rule.k < form->k ? rule.k : form->k; /* a shorter instruction has fewer products */
    if (sass_running->config.rule)
        sass_running->config.rule(&rule);
    gather(w, op, true, a);
    gather(w, op, false, b);
    SASS_LANE(l)
    for (unsigned i = 0; i < 4; i++)
        c[place_of(l, i)] =
            half ? element_from_f16(
                       (uint16_t)(row_behind(w, &op->source[2], i / 2)[l] >> i % 2 * 16))
                 : ptx_f32(row_behind(w, &op->source[2], i)[l]);
    mma_tile(&rule, ROWS, COLUMNS, form->k, a, b, c, d);
    SASS_LANE(l)
    for (unsigned i = 0; i < 4; i++) {
        float value = d[place_of(l, i)];
        if (!half) {
            memcpy(&w->r[op->to + i][l], &value, sizeof value);
            continue;
        }
        /* Its NaN is the unit's, not a conversion's. */
        uint32_t bits = value != value ? 0x7fff : element_to_f16((double)value);
        uint32_t *to = &w->r[op->to + i / 2][l];
        *to = i % 2 ? *to | bits << 16 : bits;
    }
}

/* Of signed or unsigned bytes; sums wrap. */
static void multiply_bytes(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    const struct sass_matrix *form = op->matrix;
    int32_t of[2][ROWS][DEPTH] = {{{0}}}; /* rows of A; columns of B, half as many */
    uint32_t d[ROWS * COLUMNS];
    all_lanes(w, mask);
    sass_counted.products += ROWS * COLUMNS * form->k;
    for (unsigned side = 0; side < 2; side++)
        for (unsigned k = 0; k < form->k / 16u * (side ? 1 : 2); k++) {
            const uint32_t *from = row_behind(w, &op->source[side], k);
            SASS_LANE(l)
            for (unsigned e = 0; e < 4; e++) {
                uint8_t byte = (uint8_t)(from[l] >> 8 * e);
                of[side][row_of(l, k, !side)][first_of(l, side ? k : k / 2, 1) + e] =
                    form->is_signed[side] ? (int8_t)byte : byte;
            }
        }
    SASS_LANE(l)
    for (unsigned i = 0; i < 4; i++)
        d[place_of(l, i)] = row_behind(w, &op->source[2], i)[l];
    for (unsigned m = 0; m < ROWS; m++)
        for (unsigned n = 0; n < COLUMNS; n++)
            for (unsigned k = 0; k < form->k; k++)
                d[m * COLUMNS + n] += (uint32_t)(of[0][m][k] * of[1][n][k]);
    SASS_LANE(l)
    for (unsigned i = 0; i < 4; i++)
        w->r[op->to + i][l] = d[place_of(l, i)];
}

/* One lane's sum of four products of signed bytes, and of a number. */
static void dot4(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint32_t out[SASS_LANES], room[3][SASS_LANES];
    const uint32_t *a = sass_integer(w, &op->source[0], room[0]),
                   *b = sass_integer(w, &op->source[1], room[1]),
                   *c = sass_integer(w, &op->source[2], room[2]);
    SASS_LANE(l) {
        out[l] = c[l];
        for (int k = 0; k < 4; k++)
            out[l] += (uint32_t)((int8_t)(a[l] >> 8 * k) * (int8_t)(b[l] >> 8 * k));
    }
    sass_put(w, op->to, out, mask);
}

/* --- fragments from shared memory ----------------------------------------------------------------
 */

/* `mode` matrices of 8 x 8 elements of 16 bits: row r of matrix i is 16 bytes where lane 8 i + r
 * says; lane l has two neighbours of row l / 4 of each. */
static void load_matrices(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint64_t at[SASS_LANES];
    all_lanes(w, mask);
    sass_addresses(w, &op->memory, false, at);
    for (unsigned i = 0; i < op->mode; i++) {
        const uint8_t *row[8];
        for (unsigned r = 0; r < 8; r++)
            row[r] = sass_place(w, 8 * i + r, SASS_SHARED, at[8 * i + r], 16);
        SASS_LANE(l)
        memcpy(&w->r[op->to + i][l], row[l / 4] + l % 4 * 4, 4);
    }
}

/* An 8 x 8 matrix of 16-bit elements turned around: of row r = l / 4 lane l has two neighbours, and
 * then two of column r. */
static void turn_around(struct sass_warp *w, const struct sass_code *op, uint32_t mask) {
    uint16_t from[8][8];
    const uint32_t *a = sass_plain(w, &op->source[0]);
    all_lanes(w, mask);
    SASS_LANE(l)
    for (unsigned e = 0; e < 2; e++)
        from[l / 4][l % 4 * 2 + e] = (uint16_t)(a[l] >> 16 * e);
    SASS_LANE(l)
    w->r[op->to][l] = from[l % 4 * 2][l / 4] | (uint32_t)from[l % 4 * 2 + 1][l / 4] << 16;
}

/* --- which ---------------------------------------------------------------------------------------
 */

/* All there are: modifiers in the text's order. */
static const struct {
    uint16_t op, modifiers[3];
    struct sass_matrix form;
} forms[] = {
    {SASS_OP_HMMA, {SASS_MOD_16816, SASS_MOD_F32}, {ELEMENT_F16, ELEMENT_F32, 16}},
    {SASS_OP_HMMA, {SASS_MOD_16816, SASS_MOD_F16}, {ELEMENT_F16, ELEMENT_F16, 16}},
    {SASS_OP_HMMA, {SASS_MOD_16816, SASS_MOD_F32, SASS_MOD_BF16}, {ELEMENT_BF16, ELEMENT_F32, 16}},
    {SASS_OP_HMMA, {SASS_MOD_1688, SASS_MOD_F32}, {ELEMENT_F16, ELEMENT_F32, 8}},
    {SASS_OP_HMMA, {SASS_MOD_1688, SASS_MOD_F16}, {ELEMENT_F16, ELEMENT_F16, 8}},
    {SASS_OP_HMMA, {SASS_MOD_1688, SASS_MOD_F32, SASS_MOD_BF16}, {ELEMENT_BF16, ELEMENT_F32, 8}},
    {SASS_OP_HMMA, {SASS_MOD_1688, SASS_MOD_F32, SASS_MOD_TF32}, {ELEMENT_TF32, ELEMENT_F32, 8}},
    {SASS_OP_HMMA, {SASS_MOD_1684, SASS_MOD_F32, SASS_MOD_TF32}, {ELEMENT_TF32, ELEMENT_F32, 4}},
    {SASS_OP_IMMA, {SASS_MOD_16832, SASS_MOD_S8, SASS_MOD_S8}, {0, 0, 32, {true, true}}},
    {SASS_OP_IMMA, {SASS_MOD_16832, SASS_MOD_U8, SASS_MOD_U8}, {0, 0, 32, {false, false}}},
    {SASS_OP_IMMA, {SASS_MOD_16832, SASS_MOD_S8, SASS_MOD_U8}, {0, 0, 32, {true, false}}},
    {SASS_OP_IMMA, {SASS_MOD_16832, SASS_MOD_U8, SASS_MOD_S8}, {0, 0, 32, {false, true}}},
};

static const struct sass_matrix *form_of(const struct sass_instruction *i) {
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        unsigned count = 0;
        while (count < 3 && forms[k].modifiers[count])
            count++;
        if (forms[k].op == i->op && i->modifier_count == count &&
            memcmp(forms[k].modifiers, i->modifiers, count * sizeof *i->modifiers) == 0)
            return &forms[k].form;
    }
    return NULL;
}

/* D, A, B and C, all in registers; of bytes A lies by rows, B by columns. */
static bool are_registers(const struct sass_instruction *i) {
    static const uint16_t selectors[4] = {0, SASS_MOD_ROW, SASS_MOD_COL, 0};
    if (i->operand_count != 4)
        return false;
    for (unsigned k = 0; k < 4; k++) {
        const struct sass_operand *o = &i->operands[k];
        if (o->kind != SASS_REGISTER || o->negative || o->inverted || o->absolute || o->half ||
            o->selector != (i->op == SASS_OP_IMMA ? selectors[k] : 0))
            return false;
    }
    return true;
}

/* LDSM.16.M88.4 */
static sass_action *ldsm_action(const struct sass_instruction *i, struct sass_code *op) {
    if (i->modifier_count < 2 || i->modifiers[0] != SASS_MOD_16 || i->modifiers[1] != SASS_MOD_M88)
        return NULL;
    op->mode = i->modifier_count == 2                                    ? 1
               : i->modifier_count == 3 && i->modifiers[2] == SASS_MOD_2 ? 2
               : i->modifier_count == 3 && i->modifiers[2] == SASS_MOD_4 ? 4
                                                                         : 0;
    return op->mode ? load_matrices : NULL;
}

sass_action *sass_matrix_action(const struct sass_instruction *i, struct sass_code *op) {
    char arch[16];
    if (i->op == SASS_OP_LDSM)
        return ldsm_action(i, op);
    if (i->op == SASS_OP_MOVM)
        return i->modifier_count == 2 && i->modifiers[0] == SASS_MOD_16 &&
                       i->modifiers[1] == SASS_MOD_MT88 && i->operand_count == 2
                   ? turn_around
                   : NULL;
    if (i->op == SASS_OP_IDP)
        return i->modifier_count == 3 && i->modifiers[0] == SASS_MOD_4A &&
                       i->modifiers[1] == SASS_MOD_S8 && i->modifiers[2] == SASS_MOD_S8
                   ? dot4
                   : NULL;
    if (i->op != SASS_OP_HMMA && i->op != SASS_OP_IMMA)
        return NULL;
    op->matrix = form_of(i);
    if (!op->matrix || !are_registers(i))
        return NULL;
    if (i->op == SASS_OP_IMMA)
        return multiply_bytes;
    snprintf(arch, sizeof arch, "sm_%u", sass_running->program->arch);
    op->rule =
        mma_rule_find(arch, MMA_SYNC, (enum element)op->matrix->in, (enum element)op->matrix->out);
    return op->rule ? multiply : NULL;
}
