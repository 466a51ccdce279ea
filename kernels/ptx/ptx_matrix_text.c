/*
 * ptx_matrix_text.c: instructions of a whole warp on matrices (mma, wmma, ldmatrix), which the
 * machine does when all lanes have come (ptx_matrix.c), and copies that nobody waits for (cp.async,
 * ptx_copy.c).
 */
#include <string.h>

#include "kernels/mma/mma_rule.h"
#include "kernels/ptx/ptx_inside.h"
#include "kernels/ptx/ptx_translate_inside.h"

static const struct {
    const char *name, *c;
    enum ptx_format format;
    unsigned bytes;
} formats[] = {{"f16", "PTX_F16", PTX_F16, 2},    {"bf16", "PTX_BF16", PTX_BF16, 2},
               {"tf32", "PTX_TF32", PTX_TF32, 4}, {"e4m3", "PTX_E4M3", PTX_E4M3, 1},
               {"e5m2", "PTX_E5M2", PTX_E5M2, 1}, {"f32", "PTX_F32", PTX_F32, 4},
               {"s8", "PTX_S8", PTX_S8, 1},       {"s32", "PTX_S32", PTX_S32, 4}};
#define FORMATS ((int)(sizeof formats / sizeof *formats))

/* A form whose formats are places in the table above, -1: none. */
struct form {
    enum ptx_matrix_does does;
    unsigned m, n, k;
    int in, out;
    char side;
    unsigned count; /* registers of a load or store, matrices of ldmatrix */
    bool by_columns;
    const char *space;
};

static int format_of(struct ptx_word word) {
    for (int k = 0; k < FORMATS; k++)
        if (ptx_word_is(word, formats[k].name))
            return k;
    return -1;
}

/* m16n8k16 */
static bool read_shape(struct ptx_word word, struct form *form) {
    unsigned *const to[3] = {&form->m, &form->n, &form->k};
    const char *at = word.text, *end = at + word.length;
    for (int side = 0; side < 3; side++) {
        if (at == end || *at++ != "mnk"[side] || at == end || *at == '0')
            return false;
        unsigned number = 0;
        for (; at < end && *at >= '0' && *at <= '9' && number < 100; at++)
            number = 10 * number + (unsigned)(*at - '0');
        *to[side] = number;
    }
    return at == end;
}

/* From modifier `from` on, these words. */
static bool are(const struct ptx_statement *s, int from, const char *const *words, int count) {
    for (int k = 0; k < count; k++)
        if (from + k >= s->modifiers || !ptx_word_is(s->modifier[from + k], words[k]))
            return false;
    return true;
}

/* --- what is written -----------------------------------------------------------------------------
 */

static int refuse_count(struct ptx_writer *w, const struct ptx_statement *s, int index,
                        unsigned count) {
    return ptx_refuse_statement(w, s, "operand %d is not %u registers", index + 1, count);
}

/* `const uint32_t NAME[] = {…};` of an operand's registers. */
static int write_registers(struct ptx_writer *w, const struct ptx_statement *s, int index,
                           unsigned count, const char *name) {
    const struct ptx_operand *from = &s->operand[index];
    char value[PTX_EXPRESSION];
    if (from->kind != PTX_VECTOR || (unsigned)from->count != count)
        return refuse_count(w, s, index, count);
    fprintf(w->out, "const uint32_t %s[] = {", name);
    for (int k = 0; k < from->count; k++) {
        if (ptx_write_value(w, s, from->items[k], 4, false, value) != 0)
            return -1;
        fprintf(w->out, "%s%s", k ? ", " : "", value);
    }
    fputs("}; ", w->out);
    return 0;
}

/* The registers of operand 0 from d_[…]. */
static int write_results(struct ptx_writer *w, const struct ptx_statement *s) {
    char from[32];
    for (int k = 0; k < s->operand[0].count; k++) {
        snprintf(from, sizeof from, "d_[%d]", k);
        if (ptx_write_result(w, s, s->operand[0].items[k], 4, false, false, from) != 0)
            return -1;
        fputs(" ", w->out);
    }
    return 0;
}

/* The call; `address` and `stride` are C, or "0". */
static void write_call(struct ptx_writer *w, const struct ptx_statement *s, const struct form *f,
                       const char *registers, const char *address, const char *stride) {
    static const char *const does[] = {"PTX_MMA", "PTX_WMMA", "PTX_WMMA_LOAD", "PTX_WMMA_STORE",
                                       "PTX_LDMATRIX"};
    fprintf(
        w->out,
        "const struct ptx_matrix m_ = {{%s, %u, %u, %u, %s, %s, '%c', %u, %d}, %s, %s, %s, %s}; "
        "t->machine->matrix(t, &m_, %d); ",
        does[f->does], f->m, f->n, f->k, f->in < 0 ? "PTX_NO_FORMAT" : formats[f->in].c,
        f->out < 0 ? "PTX_NO_FORMAT" : formats[f->out].c, f->side ? f->side : '-', f->count,
        f->by_columns, registers, f->space ? f->space : "PTX_GENERIC", address, stride, s->line);
}

/* Whether the arithmetic of a form is known; -1 with a reason. */
static int check_rule(struct ptx_writer *w, const struct ptx_statement *s, const struct form *f) {
    struct mma_rule rule;
    struct ptx_matrix_form form = {.does = f->does,
                                   .k = (uint8_t)f->k,
                                   .in = formats[f->in].format,
                                   .out = formats[f->out].format};
    int arch = w->kernel->module->arch;
    if (form.in == PTX_S8 && form.out == PTX_S32)
        return 0;
    if (form.in == PTX_S8 || form.out == PTX_S32 || form.in == PTX_F32 ||
        (form.out != PTX_F32 && form.out != PTX_F16))
        return ptx_unknown(w, s);
    return ptx_matrix_rule(arch, &form, &rule)
               ? 0
               : ptx_refuse_statement(w, s, "no rule is known for it on sm_%d", arch);
}

/* D = A B + C, of so many registers of A, B and C. */
static int write_product(struct ptx_writer *w, const struct ptx_statement *s, struct form *f,
                         const unsigned count[3]) {
    static const char *const names[3] = {"a_", "b_", "c_"};
    if (s->operands != 4)
        return ptx_unknown(w, s);
    if (check_rule(w, s, f) != 0)
        return -1;
    if (s->operand[0].kind != PTX_VECTOR || (unsigned)s->operand[0].count != count[2])
        return refuse_count(w, s, 0, count[2]);
    fputs("{ ", w->out);
    for (int k = 0; k < 3; k++)
        if (write_registers(w, s, k + 1, count[k], names[k]) != 0)
            return -1;
    fprintf(w->out, "uint32_t d_[%u]; ", count[2]);
    write_call(w, s, f, "a_, b_, c_, d_", "0", "0");
    if (write_results(w, s) != 0)
        return -1;
    fputs("}", w->out);
    return 0;
}

/* --- mma -----------------------------------------------------------------------------------------
 */

/* mma.sync.aligned.SHAPE.row.col.D.A.B.C d, a, b, c; of 16 × 8, an instruction's k being 16, 32 or
 * (of tf32 and 16 bits) also half of that: 2 or 4 registers of A. */
static int write_mma(struct ptx_writer *w, const struct ptx_statement *s) {
    static const char *const begin[] = {"sync", "aligned"}, *const layouts[] = {"row", "col"};
    struct form f = {.does = PTX_MMA};
    if (s->modifiers != 9 || !are(s, 0, begin, 2) || !read_shape(s->modifier[2], &f) ||
        !are(s, 3, layouts, 2))
        return ptx_unknown(w, s);
    f.out = format_of(s->modifier[5]);
    f.in = format_of(s->modifier[6]);
    if (f.in < 0 || f.out < 0 || format_of(s->modifier[7]) != f.in ||
        format_of(s->modifier[8]) != f.out || f.m != 16 || f.n != 8)
        return ptx_unknown(w, s);
    unsigned of_a = f.k * formats[f.in].bytes / 8;
    if ((of_a != 2 && of_a != 4) || f.k * formats[f.in].bytes % 16)
        return ptx_unknown(w, s);
    return write_product(w, s, &f, (const unsigned[3]){of_a, of_a / 2, formats[f.out].bytes});
}

/* --- wmma ----------------------------------------------------------------------------------------
 */

/* Registers of a fragment: f16's A and B have eight, whatever the shape. */
static unsigned fragment(const struct form *f, char side) {
    unsigned elements = side == 'a' ? f->m * f->k : side == 'b' ? f->n * f->k : f->m * f->n;
    int format = side == 'c' ? f->out : f->in;
    return side != 'c' && formats[format].format == PTX_F16
               ? 8
               : elements * formats[format].bytes / 128;
}

static bool is_wmma_shape(const struct form *f) {
    return f->k == 16 && f->m * f->n == 256 && (f->m == 8 || f->m == 16 || f->m == 32);
}

/* wmma.mma.sync.aligned.row.col.SHAPE.D.C of f16, or SHAPE.D.A.B.C. */
static int write_wmma_mma(struct ptx_writer *w, const struct ptx_statement *s) {
    static const char *const begin[] = {"mma", "sync", "aligned", "row", "col"};
    struct form f = {.does = PTX_WMMA};
    bool named = s->modifiers == 10;
    if ((!named && s->modifiers != 8) || !are(s, 0, begin, 5) || !read_shape(s->modifier[5], &f) ||
        !is_wmma_shape(&f))
        return ptx_unknown(w, s);
    f.out = format_of(s->modifier[6]);
    f.in = named ? format_of(s->modifier[7]) : 0;
    if (f.in < 0 || f.out < 0 || format_of(s->modifier[s->modifiers - 1]) != f.out ||
        (named && format_of(s->modifier[8]) != f.in) || formats[f.in].bytes != 2)
        return ptx_unknown(w, s);
    return write_product(
        w, s, &f, (const unsigned[3]){fragment(&f, 'a'), fragment(&f, 'b'), fragment(&f, 'c')});
}

/* C for the address in [ ], and for the stride behind it. */
static int write_where(struct ptx_writer *w, const struct ptx_statement *s, int index,
                       const struct form *f, char address[2 * PTX_EXPRESSION],
                       char stride[PTX_EXPRESSION]) {
    const struct ptx_operand *at = &s->operand[index];
    char base[PTX_EXPRESSION];
    if (at->kind != PTX_ADDRESS)
        return ptx_refuse_statement(w, s, "no address in []");
    const struct ptx_symbol *symbol = ptx_symbol_of(w, at->value.word);
    bool narrow = symbol && symbol->bytes == 4 && f->space && strcmp(f->space, "PTX_SHARED") == 0;
    if (ptx_write_value(w, s, at->value, narrow ? 4 : 8, false, base) != 0)
        return -1;
    snprintf(address, 2 * PTX_EXPRESSION, "(%s)(%s + (%s)%lldll)", narrow ? "uint32_t" : "uint64_t",
             base, narrow ? "uint32_t" : "uint64_t", (long long)at->offset);
    return stride ? ptx_write_operand(w, s, s->operands - 1, 4, false, stride) : 0;
}

/* wmma.load.a.sync.aligned.row.SHAPE.SPACE.TYPE r, [p], stride; wmma.store.d… [p], r, stride. The
 * space may be missing. */
static int write_wmma_memory(struct ptx_writer *w, const struct ptx_statement *s) {
    static const char *const begin[] = {"sync", "aligned"};
    bool store = s->modifiers > 0 && ptx_word_is(s->modifier[0], "store");
    struct form f = {.does = store ? PTX_WMMA_STORE : PTX_WMMA_LOAD};
    char address[2 * PTX_EXPRESSION], stride[PTX_EXPRESSION];
    if ((s->modifiers != 7 && s->modifiers != 8) || s->modifier[1].length != 1 ||
        !are(s, 2, begin, 2) || !read_shape(s->modifier[5], &f) || !is_wmma_shape(&f) ||
        s->operands != 3)
        return ptx_unknown(w, s);
    char side = s->modifier[1].text[0];
    f.side = store ? (side == 'd' ? 'c' : '\0') : side == 'd' ? '\0' : side;
    f.by_columns = ptx_word_is(s->modifier[4], "col");
    if (s->modifiers == 8)
        f.space = ptx_word_is(s->modifier[6], "shared")   ? "PTX_SHARED"
                  : ptx_word_is(s->modifier[6], "global") ? "PTX_GLOBAL"
                                                          : NULL;
    f.in = f.out = format_of(s->modifier[s->modifiers - 1]);
    bool known = f.in >= 0 &&
                 (f.side == 'c' ? formats[f.in].format == PTX_F32 || formats[f.in].format == PTX_F16
                                : formats[f.in].bytes == 2);
    if (!f.side || !strchr("abc", f.side) || !known || (s->modifiers == 8 && !f.space) ||
        (!f.by_columns && !ptx_word_is(s->modifier[4], "row")))
        return ptx_unknown(w, s);
    f.count = fragment(&f, f.side);
    int registers = store ? 1 : 0;
    if (s->operand[registers].kind != PTX_VECTOR ||
        (unsigned)s->operand[registers].count != f.count)
        return refuse_count(w, s, registers, f.count);
    fputs("{ ", w->out);
    if (store && write_registers(w, s, 1, f.count, "a_") != 0)
        return -1;
    if (!store)
        fprintf(w->out, "uint32_t d_[%u]; ", f.count);
    if (write_where(w, s, 1 - registers, &f, address, stride) != 0)
        return -1;
    write_call(w, s, &f, store ? "a_, 0, 0, 0" : "0, 0, 0, d_", address, stride);
    if (!store && write_results(w, s) != 0)
        return -1;
    fputs("}", w->out);
    return 0;
}

static int write_wmma(struct ptx_writer *w, const struct ptx_statement *s) {
    bool memory = s->modifiers > 0 &&
                  (ptx_word_is(s->modifier[0], "load") || ptx_word_is(s->modifier[0], "store"));
    return memory ? write_wmma_memory(w, s) : write_wmma_mma(w, s);
}

/* --- ldmatrix, cp.async --------------------------------------------------------------------------
 */

/* ldmatrix.sync.aligned.m8n8.xN.shared.b16 r, [p] */
static int write_ldmatrix(struct ptx_writer *w, const struct ptx_statement *s) {
    static const char *const begin[] = {"sync", "aligned", "m8n8"}, *const end[] = {"shared",
                                                                                    "b16"};
    struct form f = {.does = PTX_LDMATRIX, .in = -1, .out = -1, .space = "PTX_SHARED"};
    char address[2 * PTX_EXPRESSION];
    if (s->modifiers != 6 || !are(s, 0, begin, 3) || !are(s, 4, end, 2) || s->operands != 2)
        return ptx_unknown(w, s);
    f.count = ptx_word_is(s->modifier[3], "x1")   ? 1
              : ptx_word_is(s->modifier[3], "x2") ? 2
              : ptx_word_is(s->modifier[3], "x4") ? 4
                                                  : 0;
    if (!f.count)
        return ptx_unknown(w, s);
    if (s->operand[0].kind != PTX_VECTOR || (unsigned)s->operand[0].count != f.count)
        return refuse_count(w, s, 0, f.count);
    if (write_where(w, s, 1, &f, address, NULL) != 0)
        return -1;
    fprintf(w->out, "{ uint32_t d_[%u]; ", f.count);
    write_call(w, s, &f, "0, 0, 0, d_", address, "0");
    if (write_results(w, s) != 0)
        return -1;
    fputs("}", w->out);
    return 0;
}

/* A number that stands there: "16". 0: none of what a copy may be. */
static unsigned number_of(const struct ptx_operand *operand) {
    uint64_t number;
    unsigned size;
    return operand->kind == PTX_VALUE && !operand->value.minus &&
                   ptx_number(operand->value.word, &number, &size) && !size && number <= 16
               ? (unsigned)number
               : 0;
}

/* cp.async.ca.shared.global [to], [from], 4|8|16, bytes: "zero-filled" behind `bytes`. Hints to
 * caches change no bit. */
static int write_copy(struct ptx_writer *w, const struct ptx_statement *s) {
    const struct form shared = {.space = "PTX_SHARED"}, global = {.space = "PTX_GLOBAL"};
    char to[2 * PTX_EXPRESSION], from[2 * PTX_EXPRESSION], bytes[PTX_EXPRESSION];
    unsigned size = s->operands >= 3 ? number_of(&s->operand[2]) : 0;
    bool all = s->modifiers >= 2 && ptx_word_is(s->modifier[1], "cg");
    if (s->operands < 3 || s->operands > 4 || (size != 16 && (all || (size != 4 && size != 8))))
        return ptx_unknown(w, s);
    if (write_where(w, s, 0, &shared, to, NULL) != 0 ||
        write_where(w, s, 1, &global, from, NULL) != 0)
        return -1;
    snprintf(bytes, sizeof bytes, "%u", size);
    if (s->operands == 4 && ptx_write_operand(w, s, 3, 4, false, bytes) != 0)
        return -1;
    fprintf(w->out, "t->machine->copy(t, ptx_shared(t, %s, %u, %d), %s, %u, %s, %d);", to, size,
            s->line, from, size, bytes, s->line);
    return 0;
}

static int write_cp(struct ptx_writer *w, const struct ptx_statement *s) {
    static const char *const copies[][3] = {{"async", "ca", "shared"}, {"async", "cg", "shared"}};
    if (ptx_word_is(s->opcode, "cp.async.commit_group") && s->operands == 0) {
        fputs("t->machine->commit(t);", w->out);
        return 0;
    }
    if (ptx_word_is(s->opcode, "cp.async.wait_all") && s->operands == 0) {
        fputs("t->machine->commit(t); t->machine->wait(t, 0);", w->out);
        return 0;
    }
    if (ptx_word_is(s->opcode, "cp.async.wait_group") && s->operands == 1) {
        char groups[PTX_EXPRESSION];
        if (ptx_write_operand(w, s, 0, 4, false, groups) != 0)
            return -1;
        fprintf(w->out, "t->machine->wait(t, %s);", groups);
        return 0;
    }
    bool hint = s->modifiers == 5 && s->modifier[4].length > 4 &&
                memcmp(s->modifier[4].text, "L2::", 4) == 0;
    if ((are(s, 0, copies[0], 3) || are(s, 0, copies[1], 3)) && (s->modifiers == 4 || hint) &&
        ptx_word_is(s->modifier[3], "global"))
        return write_copy(w, s);
    return ptx_unknown(w, s);
}

int ptx_write_matrix(struct ptx_writer *w, const struct ptx_statement *s) {
    static const struct {
        const char *base;
        int (*write)(struct ptx_writer *, const struct ptx_statement *);
    } writers[] = {
        {"mma", write_mma}, {"wmma", write_wmma}, {"ldmatrix", write_ldmatrix}, {"cp", write_cp}};
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++)
        if (ptx_word_is(s->base, writers[k].base))
            return writers[k].write(w, s) == 0 ? 1 : -1;
    return 0;
}
