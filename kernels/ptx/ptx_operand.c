/*
 * ptx_operand.c: operands as C: registers, numbers, special registers, addresses of variables; and
 * results into registers.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/ptx/ptx_translate_inside.h"

struct ptx_word ptx_bare(struct ptx_word name) {
    int skip = name.length > 1 && name.text[0] == '%';
    return (struct ptx_word){name.text + skip, name.length - skip};
}

/* Whether `name` is one of a range's registers: prefix and a number that is small enough. */
static bool is_of_range(const struct ptx_symbol *range, struct ptx_word name) {
    int digits = name.length - range->name.length;
    if (digits < 1 || digits > 7 ||
        memcmp(name.text, range->name.text, (size_t)range->name.length) != 0)
        return false;
    const char *at = name.text + range->name.length;
    uint64_t number = 0;
    if (at[0] == '0' && digits > 1)
        return false;
    for (int k = 0; k < digits; k++) {
        if (at[k] < '0' || at[k] > '9')
            return false;
        number = 10 * number + (uint64_t)(at[k] - '0');
    }
    return number < range->count;
}

const struct ptx_symbol *ptx_symbol_of(const struct ptx_writer *w, struct ptx_word name) {
    for (int k = w->symbol_count - 1; k >= 0; k--) {
        const struct ptx_symbol *symbol = &w->symbols[k];
        if (symbol->kind == PTX_REGISTERS ? is_of_range(symbol, name)
                                          : ptx_word_same(symbol->name, name))
            return symbol;
    }
    return NULL;
}

static bool is_register(const struct ptx_symbol *symbol) {
    return symbol && (symbol->kind == PTX_REGISTER || symbol->kind == PTX_REGISTERS);
}

static const char *c_type(unsigned bytes) {
    return bytes == 8 ? "uint64_t" : bytes == 4 ? "uint32_t" : bytes == 2 ? "uint16_t" : "uint8_t";
}

static const char *c_signed(unsigned bytes) {
    return bytes == 8 ? "int64_t" : bytes == 4 ? "int32_t" : bytes == 2 ? "int16_t" : "int8_t";
}

static const struct {
    const char *name, *c;
    unsigned bytes;
} special[] = {{"%tid.x", "t->tid[0]", 4},
               {"%tid.y", "t->tid[1]", 4},
               {"%tid.z", "t->tid[2]", 4},
               {"%ntid.x", "t->ntid[0]", 4},
               {"%ntid.y", "t->ntid[1]", 4},
               {"%ntid.z", "t->ntid[2]", 4},
               {"%ctaid.x", "t->ctaid[0]", 4},
               {"%ctaid.y", "t->ctaid[1]", 4},
               {"%ctaid.z", "t->ctaid[2]", 4},
               {"%nctaid.x", "t->nctaid[0]", 4},
               {"%nctaid.y", "t->nctaid[1]", 4},
               {"%nctaid.z", "t->nctaid[2]", 4},
               {"%laneid", "t->lane", 4},
               {"%warpid", "t->warp", 4},
               {"%lanemask_eq", "(1u << t->lane)", 4},
               {"%lanemask_lt", "((1u << t->lane) - 1)", 4},
               {"%lanemask_le", "((2u << t->lane) - 1)", 4},
               {"%lanemask_gt", "~((2u << t->lane) - 1)", 4},
               {"%lanemask_ge", "~((1u << t->lane) - 1)", 4},
               {"WARP_SZ", "32u", 4},
               {"%clock", "(uint32_t)t->machine->clock(t)", 4},
               {"%clock64", "t->machine->clock(t)", 8},
               {"%globaltimer", "t->machine->clock(t)", 8}};

/* A variable of the module: an address in its space. False: there is none of this name. */
static bool variable_address(struct ptx_writer *w, struct ptx_word name, char out[PTX_EXPRESSION]) {
    struct ptx_kernel *kernel = w->kernel;
    const struct ptx_variable *v = ptx_module_variable(kernel->module, name);
    if (!v)
        return false;
    int index = (int)(v - kernel->module->variables);
    if (v->space == PTX_IN_SHARED && v->bytes == 0) {
        snprintf(out, PTX_EXPRESSION, "PTX_DYNAMIC");
    } else if (v->space == PTX_IN_SHARED) {
        if (!kernel->variable_at[index])
            kernel->variable_at[index] = ptx_shared_place(kernel, v) + 1;
        snprintf(out, PTX_EXPRESSION, "%lluull",
                 (unsigned long long)kernel->variable_at[index] - 1);
    } else { /* .global and .const variables: no kernel of ours has one */
        return false;
    }
    return true;
}

/* A kernel's parameters have addresses in .param. Those of a function whose address is taken lie in
 * .local ("the parameter is copied to the stack"), and its pN points there. */
static void param_address(struct ptx_writer *w, const struct ptx_symbol *symbol,
                          char out[PTX_EXPRESSION]) {
    if (symbol->place == PTX_OF_KERNEL) {
        snprintf(out, PTX_EXPRESSION, "%lluull", (unsigned long long)symbol->at);
    } else if (symbol->place >= w->function->result_count) {
        if (!w->moved[symbol->place])
            w->local_bytes += symbol->bytes + 16;
        w->moved[symbol->place] = w->has_local = true;
        snprintf(out, PTX_EXPRESSION, "(uint64_t)(p%d - t->local)", symbol->place);
    }
}

static int write_number(struct ptx_writer *w, const struct ptx_statement *s, struct ptx_value value,
                        unsigned bytes, char out[PTX_EXPRESSION]) {
    uint64_t bits;
    unsigned size;
    if (!ptx_number(value.word, &bits, &size))
        return ptx_refuse_statement(w, s, "'%s' is no operand", PTX_SHOWN(value.word));
    if (size && (size != bytes || value.minus))
        return ptx_refuse_statement(w, s, "'%s' is of another size", PTX_SHOWN(value.word));
    if (bytes == 0) {
        snprintf(out, PTX_EXPRESSION, "(uint8_t)%d", bits != 0);
        return 0;
    }
    uint64_t most = bytes == 8 ? UINT64_MAX : (1ull << (8 * bytes)) - 1;
    if (bits > most || (value.minus && bits > most / 2 + 1))
        return ptx_refuse_statement(w, s, "'%s' has more than %u bits", PTX_SHOWN(value.word),
                                    8 * bytes);
    snprintf(out, PTX_EXPRESSION, "(%s)0x%llxull", c_type(bytes),
             (unsigned long long)((value.minus ? 0 - bits : bits) & most));
    return 0;
}

int ptx_write_value(struct ptx_writer *w, const struct ptx_statement *s, struct ptx_value value,
                    unsigned bytes, bool wider, char out[PTX_EXPRESSION]) {
    const struct ptx_symbol *symbol = ptx_symbol_of(w, value.word);
    if (value.word.text[0] >= '0' && value.word.text[0] <= '9')
        return write_number(w, s, value, bytes, out);
    if (value.minus)
        return ptx_refuse_statement(w, s, "a minus before '%s'", PTX_SHOWN(value.word));
    if (is_register(symbol)) {
        struct ptx_word name = ptx_bare(value.word);
        bool fits = symbol->bytes == bytes || (wider && symbol->bytes > bytes && bytes);
        if (!fits)
            return ptx_refuse_statement(w, s, "'%s' has %u bits and not %u", PTX_SHOWN(value.word),
                                        8 * symbol->bytes, 8 * bytes);
        if (symbol->bytes == bytes)
            snprintf(out, PTX_EXPRESSION, "r_%.*s", name.length, name.text);
        else
            snprintf(out, PTX_EXPRESSION, "(%s)r_%.*s", c_type(bytes), name.length, name.text);
        return 0;
    }
    for (size_t k = 0; k < sizeof special / sizeof *special; k++)
        if (ptx_word_is(value.word, special[k].name)) {
            if (special[k].bytes != bytes)
                break;
            snprintf(out, PTX_EXPRESSION, "%s", special[k].c);
            return 0;
        }
    /* Addresses: 64 bits, and in .shared and .local 32 do. */
    char address[PTX_EXPRESSION] = "";
    if (symbol && symbol->kind == PTX_OF_SHARED)
        snprintf(address, sizeof address, "%lluull", (unsigned long long)symbol->at);
    else if (symbol && symbol->kind == PTX_OF_LOCAL)
        snprintf(address, sizeof address, "v_%.*s", value.word.length, value.word.text);
    else if (symbol && symbol->kind == PTX_PARAM)
        param_address(w, symbol, address);
    else if (!symbol)
        variable_address(w, value.word, address);
    if (!*address || bytes < 4)
        return ptx_refuse_statement(w, s, "'%s' is no operand of %u bits", PTX_SHOWN(value.word),
                                    8 * bytes);
    snprintf(out, PTX_EXPRESSION, "(%s)%.*s", c_type(bytes), PTX_NAME_MAX, address);
    return 0;
}

int ptx_write_operand(struct ptx_writer *w, const struct ptx_statement *s, int index,
                      unsigned bytes, bool wider, char out[PTX_EXPRESSION]) {
    const struct ptx_operand *operand = &s->operand[index];
    if (index >= s->operands || operand->kind != PTX_VALUE || operand->second.text)
        return ptx_refuse_statement(w, s, "operand %d is no value", index + 1);
    if (operand->negated && bytes)
        return ptx_refuse_statement(w, s, "a ! before what is no predicate");
    char value[PTX_EXPRESSION];
    if (ptx_write_value(w, s, operand->value, bytes, wider, value) != 0)
        return -1;
    snprintf(out, PTX_EXPRESSION, "%s%.*s", operand->negated ? "!" : "", PTX_EXPRESSION - 8, value);
    return 0;
}

int ptx_write_result(struct ptx_writer *w, const struct ptx_statement *s, struct ptx_value to,
                     unsigned bytes, bool wider, bool is_signed, const char *expression) {
    if (ptx_word_is(to.word, "_") && !to.minus) {
        fprintf(w->out, "(void)(%s);", expression);
        return 0;
    }
    const struct ptx_symbol *symbol = ptx_symbol_of(w, to.word);
    if (!is_register(symbol) || to.minus)
        return ptx_refuse_statement(w, s, "'%s' is no register", PTX_SHOWN(to.word));
    struct ptx_word name = ptx_bare(to.word);
    fprintf(w->out, "r_%.*s = ", name.length, name.text);
    if (symbol->bytes == bytes)
        fprintf(w->out, "%s;", expression);
    else if (!wider || bytes == 0 || symbol->bytes < bytes)
        return ptx_refuse_statement(w, s, "'%s' has %u bits and not %u", PTX_SHOWN(to.word),
                                    8 * symbol->bytes, 8 * bytes);
    else if (is_signed)
        fprintf(w->out, "(%s)(%s)(%s)(%s);", c_type(symbol->bytes), c_signed(symbol->bytes),
                c_signed(bytes), expression);
    else
        fprintf(w->out, "(%s)(%s)(%s);", c_type(symbol->bytes), c_type(bytes), expression);
    return 0;
}

int ptx_write_param(struct ptx_writer *w, const struct ptx_statement *s,
                    const struct ptx_operand *operand, unsigned bytes, char out[PTX_EXPRESSION]) {
    const struct ptx_symbol *symbol = ptx_symbol_of(w, operand->value.word);
    struct ptx_word name = operand->value.word;
    if (!symbol || symbol->kind != PTX_PARAM || operand->value.minus)
        return ptx_refuse_statement(w, s, "'%s' is no parameter", PTX_SHOWN(name));
    if (operand->offset < 0 || (uint64_t)operand->offset + bytes > symbol->bytes ||
        operand->offset % bytes)
        return ptx_refuse_statement(w, s, "%u bytes at %lld are not inside '%s', or not aligned",
                                    bytes, (long long)operand->offset, PTX_SHOWN(name));
    if (symbol->place == PTX_OF_KERNEL)
        snprintf(out, PTX_EXPRESSION, "(uint8_t *)t->params + %lld",
                 (long long)symbol->at + operand->offset);
    else if (symbol->place == PTX_OF_BLOCK)
        snprintf(out, PTX_EXPRESSION, "q_%.*s + %lld", name.length, name.text,
                 (long long)operand->offset);
    else
        snprintf(out, PTX_EXPRESSION, "p%d + %lld", symbol->place, (long long)operand->offset);
    return 0;
}
