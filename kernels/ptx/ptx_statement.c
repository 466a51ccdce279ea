/*
 * ptx_statement.c: declarations, labels and instructions, one at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/ptx/ptx_translate_inside.h"

/* --- declarations --------------------------------------------------------------------------------
 */

int ptx_add_symbol(struct ptx_writer *w, int line, struct ptx_symbol symbol) {
    if (w->symbol_count == PTX_SYMBOLS_MAX)
        return ptx_refuse(w->kernel->why, line, "more than %d names", PTX_SYMBOLS_MAX);
    symbol.depth = w->depth;
    for (int k = w->symbol_count - 1; k >= 0 && w->symbols[k].depth == w->depth; k--)
        if (ptx_word_same(w->symbols[k].name, symbol.name))
            return ptx_refuse(w->kernel->why, line, "'%s' is declared twice",
                              PTX_SHOWN(symbol.name));
    w->symbols[w->symbol_count++] = symbol;
    return 0;
}

static const char *c_type(unsigned bytes) {
    return bytes == 8 ? "uint64_t" : bytes == 4 ? "uint32_t" : bytes == 2 ? "uint16_t" : "uint8_t";
}

/* A name that is one of C with a prefix: of letters, digits, _ and $. */
static bool plain(struct ptx_word name) {
    for (int k = 0; k < name.length; k++)
        if (strchr("%.:", name.text[k]))
            return false;
    return name.length > 0;
}

static int one_register(struct ptx_writer *w, struct ptx_lexer *lexer, unsigned bytes) {
    char *why = w->kernel->why;
    int line = lexer->token.line;
    struct ptx_symbol symbol = {
        .name = lexer->token.word, .kind = PTX_REGISTER, .bytes = bytes, .count = 1};
    struct ptx_word name = ptx_bare(symbol.name);
    unsigned size;
    if (lexer->token.kind != PTX_WORD || !plain(name))
        return ptx_refuse(why, line, "a register named '%s'", PTX_SHOWN(symbol.name));
    ptx_lexer_next(lexer);
    if (ptx_lexer_take(lexer, "<")) {
        symbol.kind = PTX_REGISTERS;
        if (lexer->token.kind != PTX_WORD || !ptx_number(lexer->token.word, &symbol.count, &size) ||
            size)
            return ptx_refuse(why, line, "no number behind '%s<'", PTX_SHOWN(symbol.name));
        ptx_lexer_next(lexer);
        if (!ptx_lexer_take(lexer, ">"))
            return ptx_refuse(why, line, "a < without its >");
    }
    if (symbol.count > PTX_REGISTERS_MAX || (w->registers += symbol.count) > PTX_REGISTERS_MAX)
        return ptx_refuse(why, line, "more than %d registers", PTX_REGISTERS_MAX);
    if (ptx_add_symbol(w, line, symbol) != 0)
        return -1;
    const char *type = c_type(bytes);
    for (uint64_t k = 0; k < symbol.count; k++) {
        if (k % 8 == 0)
            fprintf(w->out, "%s%s", k ? ";\n" : "", type);
        fprintf(w->out, "%s r_%.*s", k % 8 ? "," : "", name.length, name.text);
        if (symbol.kind == PTX_REGISTERS)
            fprintf(w->out, "%llu", (unsigned long long)k);
        fprintf(w->out, " = (%s)%s", type, bytes ? "PTX_UNSET" : "0");
    }
    if (symbol.count)
        fputs(";\n", w->out);
    return 0;
}

static int declare_registers(struct ptx_writer *w, struct ptx_lexer *lexer) {
    struct ptx_word type = lexer->token.word;
    unsigned bytes =
        type.length > 1 ? ptx_type_bytes((struct ptx_word){type.text + 1, type.length - 1}) : 0;
    if (bytes < 2 && !ptx_lexer_at(lexer, ".pred"))
        return ptx_refuse(w->kernel->why, lexer->token.line, "registers of type '%s'",
                          PTX_SHOWN(type));
    do {
        ptx_lexer_next(lexer);
        if (one_register(w, lexer, bytes) != 0)
            return -1;
    } while (ptx_lexer_at(lexer, ","));
    return 0;
}

static int declare_local(struct ptx_writer *w, const struct ptx_variable *v) {
    if (w->depth)
        return ptx_refuse(w->kernel->why, v->line, "a .local variable in an inner block");
    w->has_local = true;
    /* As much as it and the gap before it can take. */
    w->local_bytes += v->bytes + v->align;
    fprintf(w->out, "const uint64_t v_%.*s = ptx_local_take(t, %llu, %u);\n", v->name.length,
            v->name.text, (unsigned long long)v->bytes, v->align);
    return ptx_add_symbol(w, v->line, (struct ptx_symbol){.name = v->name, .kind = PTX_OF_LOCAL});
}

static int declare_variable(struct ptx_writer *w, struct ptx_lexer *lexer,
                            enum ptx_variable_space space) {
    struct ptx_variable v;
    if (ptx_read_variable(lexer, space, &v, w->kernel->why) != 0)
        return -1;
    if (v.bytes == 0 || !plain(v.name))
        return ptx_refuse(w->kernel->why, v.line, "'%s' has no size, or no plain name",
                          PTX_SHOWN(v.name));
    if (space == PTX_IN_LOCAL)
        return declare_local(w, &v);
    struct ptx_symbol symbol = {.name = v.name};
    if (space == PTX_IN_SHARED) {
        symbol.kind = PTX_OF_SHARED;
        symbol.at = ptx_shared_place(w->kernel, &v);
    } else {
        symbol.kind = PTX_PARAM;
        symbol.bytes = (unsigned)v.bytes;
        symbol.place = PTX_OF_BLOCK;
        fprintf(w->out, "uint8_t q_%.*s[%u] __attribute__((aligned(16)));\n", v.name.length,
                v.name.text, symbol.bytes);
    }
    return ptx_add_symbol(w, v.line, symbol);
}

uint64_t ptx_shared_place(struct ptx_kernel *kernel, const struct ptx_variable *v) {
    kernel->shared_top = (kernel->shared_top + v->align - 1) / v->align * v->align;
    uint64_t at = kernel->shared_top;
    kernel->shared_top += v->bytes;
    return at;
}

/* --- labels --------------------------------------------------------------------------------------
 */

static int add_label(struct ptx_writer *w, struct ptx_labels *labels, struct ptx_word word,
                     int line) {
    if (labels->count == PTX_LABELS_MAX)
        return ptx_refuse(w->kernel->why, line, "more than %d labels", PTX_LABELS_MAX);
    if ((labels->count & (labels->count - 1)) == 0) {
        size_t more = labels->count ? 2 * (size_t)labels->count : 1;
        struct ptx_word *words = realloc(labels->word, more * sizeof *words);
        if (words)
            labels->word = words;
        int *lines = realloc(labels->line, more * sizeof *lines);
        if (lines)
            labels->line = lines;
        if (!words || !lines)
            return ptx_refuse(w->kernel->why, line, "out of memory");
    }
    labels->word[labels->count] = word;
    labels->line[labels->count++] = line;
    return 0;
}

int ptx_label_used(struct ptx_writer *w, const struct ptx_statement *s, struct ptx_word label) {
    if (!plain(label))
        return ptx_refuse_statement(w, s, "no label: '%s'", PTX_SHOWN(label));
    return add_label(w, &w->used, label, s->line);
}

bool ptx_label_defined(const struct ptx_writer *w, struct ptx_word label) {
    for (int k = 0; k < w->defined.count; k++)
        if (ptx_word_same(w->defined.word[k], label))
            return true;
    return false;
}

static int define_label(struct ptx_writer *w, struct ptx_word label, int line) {
    if (ptx_label_defined(w, label))
        return ptx_refuse(w->kernel->why, line, "the label '%s' is there twice", PTX_SHOWN(label));
    fprintf(w->out, "l_%.*s: ;\n", label.length, label.text);
    return add_label(w, &w->defined, label, line);
}

/* --- instructions --------------------------------------------------------------------------------
 */

static int unreadable(struct ptx_writer *w, const struct ptx_lexer *lexer) {
    if (lexer->token.kind == PTX_END)
        return ptx_refuse(w->kernel->why, lexer->token.line, "a statement without its ;");
    return ptx_refuse(w->kernel->why, lexer->token.line, "'%s' is not expected here",
                      PTX_SHOWN(lexer->token.word));
}

static int read_value(struct ptx_writer *w, struct ptx_lexer *lexer, struct ptx_value *out) {
    out->minus = ptx_lexer_take(lexer, "-");
    if (lexer->token.kind != PTX_WORD)
        return unreadable(w, lexer);
    out->word = lexer->token.word;
    ptx_lexer_next(lexer);
    return 0;
}

static int read_items(struct ptx_writer *w, struct ptx_lexer *lexer, struct ptx_operand *out,
                      const char *end) {
    if (ptx_lexer_take(lexer, end))
        return 0;
    do {
        if (out->count == PTX_ITEMS_MAX)
            return unreadable(w, lexer);
        if (read_value(w, lexer, &out->items[out->count++]) != 0)
            return -1;
    } while (ptx_lexer_take(lexer, ","));
    return ptx_lexer_take(lexer, end) ? 0 : unreadable(w, lexer);
}

/* [base], [base+N], [base+-N], [base-N] */
static int read_address(struct ptx_writer *w, struct ptx_lexer *lexer, struct ptx_operand *out) {
    uint64_t bits = 0;
    unsigned size;
    if (read_value(w, lexer, &out->value) != 0)
        return -1;
    bool plus = ptx_lexer_take(lexer, "+"), minus = ptx_lexer_take(lexer, "-");
    if (plus || minus) {
        if (lexer->token.kind != PTX_WORD || !ptx_number(lexer->token.word, &bits, &size) || size ||
            bits > INT32_MAX)
            return unreadable(w, lexer);
        out->offset = minus ? -(int64_t)bits : (int64_t)bits;
        ptx_lexer_next(lexer);
    }
    return ptx_lexer_take(lexer, "]") ? 0 : unreadable(w, lexer);
}

static int read_operand(struct ptx_writer *w, struct ptx_lexer *lexer, struct ptx_operand *out) {
    memset(out, 0, offsetof(struct ptx_operand, items));
    if (ptx_lexer_take(lexer, "[")) {
        out->kind = PTX_ADDRESS;
        return read_address(w, lexer, out);
    }
    if (ptx_lexer_take(lexer, "{")) {
        out->kind = PTX_VECTOR;
        return read_items(w, lexer, out, "}");
    }
    if (ptx_lexer_take(lexer, "(")) {
        out->kind = PTX_LIST;
        return read_items(w, lexer, out, ")");
    }
    out->kind = PTX_VALUE;
    out->negated = ptx_lexer_take(lexer, "!");
    if (read_value(w, lexer, &out->value) != 0)
        return -1;
    if (ptx_lexer_take(lexer, "|")) {
        out->second = lexer->token.word;
        if (lexer->token.kind != PTX_WORD)
            return unreadable(w, lexer);
        ptx_lexer_next(lexer);
    }
    return 0;
}

static int split_opcode(struct ptx_writer *w, struct ptx_statement *s) {
    const char *at = s->opcode.text, *end = at + s->opcode.length;
    s->modifiers = 0;
    for (const char *dot; at < end; at = dot + 1) {
        dot = memchr(at, '.', (size_t)(end - at));
        dot = dot ? dot : end;
        struct ptx_word part = {at, (int)(dot - at)};
        if (at == s->opcode.text)
            s->base = part;
        else if (s->modifiers == PTX_MODIFIERS_MAX)
            return ptx_unknown(w, s);
        else
            s->modifier[s->modifiers++] = part;
    }
    return 0;
}

static int read_instruction(struct ptx_writer *w, struct ptx_lexer *lexer,
                            struct ptx_statement *s) {
    if (lexer->token.kind != PTX_WORD)
        return unreadable(w, lexer);
    s->line = lexer->token.line;
    s->opcode = lexer->token.word;
    s->operands = 0;
    ptx_lexer_next(lexer);
    if (split_opcode(w, s) != 0)
        return -1;
    if (ptx_lexer_take(lexer, ";"))
        return 0;
    do {
        if (s->operands == PTX_OPERANDS_MAX)
            return ptx_unknown(w, s);
        if (read_operand(w, lexer, &s->operand[s->operands++]) != 0)
            return -1;
    } while (ptx_lexer_take(lexer, ","));
    return ptx_lexer_take(lexer, ";") ? 0 : unreadable(w, lexer);
}

/* An instruction that is one call: the function, and its operands in their sizes. */
static int write_form(struct ptx_writer *w, const struct ptx_statement *s,
                      const struct ptx_form *form) {
    char call[PTX_OPERANDS_MAX * PTX_EXPRESSION], value[PTX_EXPRESSION];
    int count = (int)strlen(form->operands), length;
    bool divides = form->operands[count - 1] == '0';
    count -= divides;
    if (s->operands != count)
        return ptx_refuse_statement(w, s, "%d operands where %d should be", s->operands, count);
    length = snprintf(call, sizeof call, "ptx_%s(", form->like ? form->like : form->opcode);
    for (char *dot; (dot = strchr(call, '.'));)
        *dot = '_';
    /* cvt reads the lower part of a wider register. */
    bool cvt = ptx_word_is(s->base, "cvt");
    for (int k = 1; k < count; k++) {
        char size = form->operands[k];
        unsigned bytes = size == 'p' ? 0 : (unsigned)(size - '0');
        if (s->operand[k].kind != PTX_VALUE || s->operand[k].second.text)
            return ptx_refuse_statement(w, s, "operand %d is no value", k + 1);
        if (ptx_write_operand(w, s, k, bytes, cvt, value) != 0)
            return -1;
        length +=
            snprintf(call + length, sizeof call - (size_t)length, "%s%s", k > 1 ? ", " : "", value);
        if (divides && k == count - 1)
            fprintf(w->out, "ptx_divides(t, %s != 0, %d); ", value, s->line);
    }
    snprintf(call + length, sizeof call - (size_t)length, ")");
    if (s->operand[0].kind != PTX_VALUE || s->operand[0].second.text || s->operand[0].negated)
        return ptx_refuse_statement(w, s, "its result is no register");
    char size = form->operands[0];
    struct ptx_word to = s->modifiers > 1 ? s->modifier[s->modifiers - 2] : s->opcode;
    return ptx_write_result(w, s, s->operand[0].value, size == 'p' ? 0 : (unsigned)(size - '0'),
                            cvt, to.text[0] == 's', call);
}

static int write_instruction(struct ptx_writer *w, const struct ptx_statement *s) {
    const struct ptx_form *form = ptx_form_find(s->opcode);
    if (form)
        return write_form(w, s, form);
    int (*const writers[])(struct ptx_writer *, const struct ptx_statement *) = {
        ptx_write_move, ptx_write_access, ptx_write_control, ptx_write_matrix};
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++) {
        int wrote = writers[k](w, s);
        if (wrote != 0)
            return wrote > 0 ? 0 : -1;
    }
    return ptx_unknown(w, s);
}

static int guarded(struct ptx_writer *w, struct ptx_lexer *lexer) {
    struct ptx_statement s;
    char guard[PTX_EXPRESSION] = "";
    bool negated = false;
    s.line = lexer->token.line;
    s.opcode = lexer->token.word;
    if (ptx_lexer_take(lexer, "@")) {
        struct ptx_value value;
        negated = ptx_lexer_take(lexer, "!");
        if (read_value(w, lexer, &value) != 0 ||
            ptx_write_value(w, &s, value, 0, false, guard) != 0)
            return -1;
    }
    if (read_instruction(w, lexer, &s) != 0)
        return -1;
    if (*guard)
        fprintf(w->out, "if (%s%s) { ", negated ? "!" : "", guard);
    if (write_instruction(w, &s) != 0)
        return -1;
    fputs(*guard ? " }\n" : "\n", w->out);
    w->kernel->text->instructions++;
    return 0;
}

static int close_block(struct ptx_writer *w, int line) {
    if (w->depth == 0)
        return ptx_refuse(w->kernel->why, line, "a } without its {");
    while (w->symbol_count > 0 && w->symbols[w->symbol_count - 1].depth == w->depth)
        w->symbol_count--;
    w->depth--;
    fputs("}\n", w->out);
    return 0;
}

int ptx_write_statement(struct ptx_writer *w, struct ptx_lexer *lexer) {
    int line = lexer->token.line;
    if (ptx_lexer_take(lexer, ";"))
        return 0;
    if (ptx_lexer_take(lexer, "{")) {
        w->depth++;
        fputs("{\n", w->out);
        return 0;
    }
    if (ptx_lexer_take(lexer, "}"))
        return close_block(w, line);
    int status = 1;
    if (ptx_lexer_take(lexer, ".reg"))
        status = declare_registers(w, lexer);
    else if (ptx_lexer_take(lexer, ".local"))
        status = declare_variable(w, lexer, PTX_IN_LOCAL);
    else if (ptx_lexer_take(lexer, ".shared"))
        status = declare_variable(w, lexer, PTX_IN_SHARED);
    else if (ptx_lexer_take(lexer, ".param"))
        status = declare_variable(w, lexer, PTX_IN_PARAM);
    else if (ptx_lexer_take(lexer, ".pragma")) {
        /* hints to the compiler */
        while (lexer->token.kind == PTX_STRING || ptx_lexer_at(lexer, ","))
            ptx_lexer_next(lexer);
        status = 0;
    }
    if (status <= 0)
        return status < 0 ? -1 : ptx_lexer_take(lexer, ";") ? 0 : unreadable(w, lexer);
    if (ptx_lexer_at(lexer, ".loc") || ptx_lexer_at(lexer, ".file")) {
        while (lexer->token.kind != PTX_END && lexer->token.line == line)
            ptx_lexer_next(lexer);
        return 0;
    }
    /* A label is a word with a colon behind it; the lexer knows no more than one token. */
    struct ptx_lexer ahead = *lexer;
    ptx_lexer_next(&ahead);
    if (lexer->token.kind == PTX_WORD && ptx_lexer_at(&ahead, ":")) {
        struct ptx_word label = lexer->token.word;
        *lexer = ahead;
        ptx_lexer_next(lexer);
        if (!plain(label))
            return ptx_refuse(w->kernel->why, line, "no label: '%s'", PTX_SHOWN(label));
        return define_label(w, label, line);
    }
    return guarded(w, lexer);
}
