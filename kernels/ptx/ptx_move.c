/*
 * ptx_move.c: mov, cvt between integers, cvta.
 */
#include <string.h>

#include "kernels/ptx/ptx_translate_inside.h"

static bool is_integer(struct ptx_word type) {
    return (type.text[0] == 'u' || type.text[0] == 's') && ptx_type_bytes(type) != 0;
}

/* Several registers to one: the first is the lowest. */
static int write_pack(struct ptx_writer *w, const struct ptx_statement *s, unsigned bytes) {
    const struct ptx_operand *from = &s->operand[1];
    char all[5 * PTX_EXPRESSION], value[PTX_EXPRESSION];
    int length = 0;
    unsigned each = from->count ? bytes / (unsigned)from->count : 0;
    if (each < 2 || each * (unsigned)from->count != bytes)
        return ptx_unknown(w, s);
    for (int k = 0; k < from->count; k++) {
        if (ptx_write_value(w, s, from->items[k], each, false, value) != 0)
            return -1;
        length += snprintf(all + length, sizeof all - (size_t)length, "%s(uint64_t)%s << %u",
                           k ? " | " : "", value, 8 * each * (unsigned)k);
    }
    char expression[sizeof all + 32];
    snprintf(expression, sizeof expression, "(uint%u_t)(%s)", 8 * bytes, all);
    return ptx_write_result(w, s, s->operand[0].value, bytes, false, false, expression);
}

static int write_unpack(struct ptx_writer *w, const struct ptx_statement *s, unsigned bytes) {
    const struct ptx_operand *to = &s->operand[0];
    char value[PTX_EXPRESSION];
    unsigned each = to->count ? bytes / (unsigned)to->count : 0;
    if (each < 2 || each * (unsigned)to->count != bytes)
        return ptx_unknown(w, s);
    if (ptx_write_operand(w, s, 1, bytes, false, value) != 0)
        return -1;
    fprintf(w->out, "{ const uint64_t w_ = %s; ", value);
    for (int k = 0; k < to->count; k++) {
        char part[64];
        snprintf(part, sizeof part, "(uint%u_t)(w_ >> %u)", 8 * each, 8 * each * (unsigned)k);
        if (ptx_write_result(w, s, to->items[k], each, false, false, part) != 0)
            return -1;
    }
    fputs(" }", w->out);
    return 0;
}

static int write_mov(struct ptx_writer *w, const struct ptx_statement *s) {
    char value[PTX_EXPRESSION];
    if (s->modifiers != 1 || s->operands != 2)
        return ptx_unknown(w, s);
    bool predicate = ptx_word_is(s->modifier[0], "pred");
    unsigned bytes = ptx_type_bytes(s->modifier[0]);
    if (bytes < 2 && !predicate)
        return ptx_unknown(w, s);
    if (s->operand[1].kind == PTX_VECTOR && s->operand[0].kind == PTX_VALUE)
        return write_pack(w, s, bytes);
    if (s->operand[0].kind == PTX_VECTOR && s->operand[1].kind == PTX_VALUE)
        return write_unpack(w, s, bytes);
    if (s->operand[0].kind != PTX_VALUE || s->operand[0].second.text)
        return ptx_unknown(w, s);
    return ptx_write_operand(w, s, 1, bytes, false, value) != 0
               ? -1
               : ptx_write_result(w, s, s->operand[0].value, bytes, false, false, value);
}

/* Between integers: the lower part, or extended as the source's type says. */
static int write_cvt(struct ptx_writer *w, const struct ptx_statement *s) {
    char value[PTX_EXPRESSION], expression[PTX_EXPRESSION + 64];
    if (s->modifiers != 2 || s->operands != 2 || s->operand[0].kind != PTX_VALUE ||
        !is_integer(s->modifier[0]) || !is_integer(s->modifier[1]))
        return ptx_unknown(w, s);
    unsigned to = ptx_type_bytes(s->modifier[0]), from = ptx_type_bytes(s->modifier[1]);
    if (ptx_write_operand(w, s, 1, from, true, value) != 0)
        return -1;
    snprintf(expression, sizeof expression, "(uint%u_t)(%sint%u_t)(%s)", 8 * to,
             s->modifier[1].text[0] == 's' ? "" : "u", 8 * from, value);
    return ptx_write_result(w, s, s->operand[0].value, to, true, s->modifier[0].text[0] == 's',
                            expression);
}

static int write_cvta(struct ptx_writer *w, const struct ptx_statement *s) {
    char value[PTX_EXPRESSION], expression[PTX_EXPRESSION + 64];
    int to = s->modifiers == 3 && ptx_word_is(s->modifier[0], "to");
    if (s->modifiers != 2 + to || s->operands != 2 || s->operand[0].kind != PTX_VALUE ||
        !ptx_word_is(s->modifier[1 + to], "u64"))
        return ptx_unknown(w, s);
    struct ptx_word space = s->modifier[to];
    if (!ptx_word_is(space, "global") && !ptx_word_is(space, "shared") &&
        !ptx_word_is(space, "local") && (to || !ptx_word_is(space, "param")))
        return ptx_unknown(w, s);
    if (ptx_write_operand(w, s, 1, 8, false, value) != 0)
        return -1;
    snprintf(expression, sizeof expression, "ptx_cvta_%s%.*s_u64(t, %s)", to ? "to_" : "",
             space.length, space.text, value);
    return ptx_write_result(w, s, s->operand[0].value, 8, false, false, expression);
}

int ptx_write_move(struct ptx_writer *w, const struct ptx_statement *s) {
    static const struct {
        const char *base;
        int (*write)(struct ptx_writer *, const struct ptx_statement *);
    } writers[] = {{"mov", write_mov}, {"cvt", write_cvt}, {"cvta", write_cvta}};
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++)
        if (ptx_word_is(s->base, writers[k].base))
            return writers[k].write(w, s) == 0 ? 1 : -1;
    return 0;
}
