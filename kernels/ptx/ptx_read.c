/*
 * ptx_read.c: the outer parts of PTX text (ptx_read.h).
 */
#include "kernels/ptx/ptx_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN(word) ptx_word_shown((word), (char[64]){0})

static int unexpected(const struct ptx_lexer *lexer, const char *wanted, char why[PTX_WHY]) {
    if (lexer->bad)
        return ptx_refuse(why, lexer->token.line, "a comment, string or name without an end");
    if (lexer->token.kind == PTX_END)
        return ptx_refuse(why, lexer->token.line, "the text ends where %s should be", wanted);
    return ptx_refuse(why, lexer->token.line, "'%s' where %s should be", SHOWN(lexer->token.word),
                      wanted);
}

static int wanted(struct ptx_lexer *lexer, const char *text, char why[PTX_WHY]) {
    return ptx_lexer_take(lexer, text) ? 0 : unexpected(lexer, text, why);
}

static int read_unsigned(struct ptx_lexer *lexer, uint64_t most, uint64_t *out, char why[PTX_WHY]) {
    unsigned size;
    if (lexer->token.kind != PTX_WORD || !ptx_number(lexer->token.word, out, &size) || size ||
        *out > most)
        return unexpected(lexer, "a number that is not too large", why);
    ptx_lexer_next(lexer);
    return 0;
}

/* A name of the program's own: no directive, no number. */
static bool is_name(const struct ptx_lexer *lexer) {
    char c = lexer->token.kind == PTX_WORD ? lexer->token.word.text[0] : '.';
    return c != '.' && (c < '0' || c > '9');
}

/* [N] or []: how many there are. */
static int read_array(struct ptx_lexer *lexer, struct ptx_variable *out, char why[PTX_WHY]) {
    uint64_t count = 0;
    if (ptx_lexer_take(lexer, "]")) {
        out->bytes = 0;
        return 0;
    }
    if (read_unsigned(lexer, PTX_BYTES_MAX, &count, why) != 0)
        return -1;
    if (count == 0 || count * out->element > PTX_BYTES_MAX)
        return ptx_refuse(why, out->line, "'%s' has %llu elements", SHOWN(out->name),
                          (unsigned long long)count);
    out->bytes = count * out->element;
    return wanted(lexer, "]", why);
}

int ptx_read_variable(struct ptx_lexer *lexer, enum ptx_variable_space space,
                      struct ptx_variable *out, char why[PTX_WHY]) {
    memset(out, 0, sizeof *out);
    out->space = space;
    out->line = lexer->token.line;
    uint64_t align = 0, vector = 1;
    for (;;) {
        if (ptx_lexer_take(lexer, ".align")) {
            if (read_unsigned(lexer, 4096, &align, why) != 0)
                return -1;
        } else if (ptx_lexer_take(lexer, ".ptr")) {
            /* what a pointer points to is a promise to the compiler */
        } else if (ptx_lexer_at(lexer, ".global") || ptx_lexer_at(lexer, ".shared") ||
                   ptx_lexer_at(lexer, ".const") || ptx_lexer_at(lexer, ".local")) {
            if (space != PTX_IN_PARAM)
                return unexpected(lexer, "a type", why);
            ptx_lexer_next(lexer);
        } else if (ptx_lexer_take(lexer, ".v2")) {
            vector = 2;
        } else if (ptx_lexer_take(lexer, ".v4")) {
            vector = 4;
        } else if (out->element == 0 && lexer->token.kind == PTX_WORD &&
                   lexer->token.word.text[0] == '.') {
            struct ptx_word type = lexer->token.word;
            out->element = ptx_type_bytes((struct ptx_word){type.text + 1, type.length - 1});
            if (out->element == 0)
                return unexpected(lexer, "a type", why);
            ptx_lexer_next(lexer);
        } else {
            break;
        }
    }
    if (out->element == 0)
        return unexpected(lexer, "a type", why);
    if (!is_name(lexer))
        return unexpected(lexer, "a name", why);
    if (align & (align - 1))
        return ptx_refuse(why, out->line, "an alignment of %llu", (unsigned long long)align);
    out->element *= (unsigned)vector;
    out->align = align > out->element ? (unsigned)align : out->element;
    out->bytes = out->element;
    out->name = lexer->token.word;
    ptx_lexer_next(lexer);
    return ptx_lexer_take(lexer, "[") ? read_array(lexer, out, why) : 0;
}

/* = {1, 2, …} or = 1: variables with values are named by no instruction that is translated. */
static void skip_initial(struct ptx_lexer *lexer) {
    while (lexer->token.kind != PTX_END && !ptx_lexer_at(lexer, ";"))
        ptx_lexer_next(lexer);
}

static int read_params(struct ptx_lexer *lexer, struct ptx_variable *out, int most, int *count,
                       char why[PTX_WHY]) {
    *count = 0;
    if (ptx_lexer_take(lexer, ")"))
        return 0;
    do {
        if (*count == most)
            return ptx_refuse(why, lexer->token.line, "more than %d parameters", most);
        if (wanted(lexer, ".param", why) != 0 ||
            ptx_read_variable(lexer, PTX_IN_PARAM, &out[*count], why) != 0)
            return -1;
        if (out[*count].bytes == 0)
            return ptx_refuse(why, out[*count].line, "a parameter without a size");
        ++*count;
    } while (ptx_lexer_take(lexer, ","));
    return wanted(lexer, ")", why);
}

/* What stands between a function's parameters and its body. */
static int read_limits(struct ptx_lexer *lexer, struct ptx_function *f, char why[PTX_WHY]) {
    for (;;) {
        uint64_t n;
        bool exact = ptx_lexer_at(lexer, ".reqntid");
        if (exact || ptx_lexer_at(lexer, ".maxntid")) {
            f->exact_threads = exact;
            f->max_threads[1] = f->max_threads[2] = 1;
            for (int k = 0; k < 3; k++) {
                ptx_lexer_next(lexer);
                if (read_unsigned(lexer, 1 << 20, &n, why) != 0)
                    return -1;
                f->max_threads[k] = (unsigned)n;
                if (!ptx_lexer_at(lexer, ","))
                    break;
            }
        } else if (ptx_lexer_take(lexer, ".minnctapersm") || ptx_lexer_take(lexer, ".maxnreg")) {
            /* what it asks of a GPU's registers changes no bit */
            if (read_unsigned(lexer, 1 << 20, &n, why) != 0)
                return -1;
        } else if (!ptx_lexer_take(lexer, ".noreturn")) {
            return 0;
        }
    }
}

static int read_body(struct ptx_lexer *lexer, struct ptx_function *f, char why[PTX_WHY]) {
    int depth = 1;
    f->body = lexer->at;
    f->body_line = lexer->line;
    ptx_lexer_next(lexer);
    for (; lexer->token.kind != PTX_END; ptx_lexer_next(lexer)) {
        depth += ptx_lexer_at(lexer, "{") - ptx_lexer_at(lexer, "}");
        if (depth == 0) {
            f->body_end = lexer->token.word.text;
            ptx_lexer_next(lexer);
            return 0;
        }
    }
    return unexpected(lexer, "the end of a body", why);
}

static int read_function(struct ptx_lexer *lexer, struct ptx_module *module, bool entry,
                         char why[PTX_WHY]) {
    if (module->function_count == PTX_FUNCTIONS_MAX)
        return ptx_refuse(why, lexer->token.line, "more than %d functions", PTX_FUNCTIONS_MAX);
    if (module->function_count % 64 == 0) {
        struct ptx_function *more =
            realloc(module->functions, ((size_t)module->function_count + 64) * sizeof *more);
        if (!more)
            return ptx_refuse(why, lexer->token.line, "out of memory");
        module->functions = more;
    }
    struct ptx_function *f = &module->functions[module->function_count];
    memset(f, 0, sizeof *f);
    f->entry = entry;
    if (!entry && ptx_lexer_take(lexer, "(") &&
        read_params(lexer, f->results, 2, &f->result_count, why) != 0)
        return -1;
    if (!is_name(lexer))
        return unexpected(lexer, "a function's name", why);
    f->name = lexer->token.word;
    f->line = lexer->token.line;
    ptx_lexer_next(lexer);
    if (ptx_lexer_take(lexer, "(") &&
        read_params(lexer, f->params, PTX_PARAMS_MAX, &f->param_count, why) != 0)
        return -1;
    if (read_limits(lexer, f, why) != 0)
        return -1;
    module->function_count++;
    if (ptx_lexer_take(lexer, ";"))
        return 0;
    return ptx_lexer_at(lexer, "{") ? read_body(lexer, f, why)
                                    : unexpected(lexer, "a function's body", why);
}

static int read_module_variable(struct ptx_lexer *lexer, struct ptx_module *module,
                                enum ptx_variable_space space, char why[PTX_WHY]) {
    if (module->variable_count % 64 == 0) {
        struct ptx_variable *more =
            realloc(module->variables, ((size_t)module->variable_count + 64) * sizeof *more);
        if (!more)
            return ptx_refuse(why, lexer->token.line, "out of memory");
        module->variables = more;
    }
    struct ptx_variable *v = &module->variables[module->variable_count];
    if (ptx_read_variable(lexer, space, v, why) != 0)
        return -1;
    if (ptx_lexer_take(lexer, "="))
        skip_initial(lexer);
    if (v->bytes == 0 && space != PTX_IN_SHARED)
        return ptx_refuse(why, v->line, "'%s' has no size", SHOWN(v->name));
    module->variable_count++;
    return wanted(lexer, ";", why);
}

/* .file and .section belong to debuggers. */
static int skip_debug(struct ptx_lexer *lexer, char why[PTX_WHY]) {
    int line = lexer->token.line;
    if (ptx_lexer_take(lexer, ".section")) {
        while (lexer->token.kind != PTX_END && !ptx_lexer_at(lexer, "}"))
            ptx_lexer_next(lexer);
        return wanted(lexer, "}", why);
    }
    while (lexer->token.kind != PTX_END && lexer->token.line == line)
        ptx_lexer_next(lexer);
    return 0;
}

/* 80 of sm_80, and of sm_80a; 0: it is none. */
static int arch_of(struct ptx_word word) {
    int arch = 0;
    if (word.length < 4 || memcmp(word.text, "sm_", 3) != 0)
        return 0;
    for (int k = 3; k < word.length && word.text[k] >= '0' && word.text[k] <= '9' && arch < 1000;
         k++)
        arch = 10 * arch + (word.text[k] - '0');
    return arch;
}

static int read_one(struct ptx_lexer *lexer, struct ptx_module *module, char why[PTX_WHY]) {
    static const struct {
        const char *word;
        enum ptx_variable_space space;
    } spaces[] = {{".global", PTX_IN_GLOBAL}, {".const", PTX_IN_CONST}, {".shared", PTX_IN_SHARED}};

    if (ptx_lexer_at(lexer, ".file") || ptx_lexer_at(lexer, ".section"))
        return skip_debug(lexer, why);
    bool target = ptx_lexer_at(lexer, ".target");
    if (target || ptx_lexer_at(lexer, ".version")) {
        do {
            ptx_lexer_next(lexer);
            if (target && !module->arch)
                module->arch = arch_of(lexer->token.word);
            ptx_lexer_next(lexer);
        } while (ptx_lexer_at(lexer, ","));
        return 0;
    }
    if (ptx_lexer_take(lexer, ".address_size"))
        return wanted(lexer, "64", why);
    while (ptx_lexer_take(lexer, ".visible") || ptx_lexer_take(lexer, ".weak") ||
           ptx_lexer_take(lexer, ".extern") || ptx_lexer_take(lexer, ".common"))
        ;
    if (ptx_lexer_take(lexer, ".entry"))
        return read_function(lexer, module, true, why);
    if (ptx_lexer_take(lexer, ".func"))
        return read_function(lexer, module, false, why);
    for (size_t k = 0; k < sizeof spaces / sizeof *spaces; k++)
        if (ptx_lexer_take(lexer, spaces[k].word))
            return read_module_variable(lexer, module, spaces[k].space, why);
    return unexpected(lexer, "a function or a variable", why);
}

int ptx_module_read(struct ptx_module *module, const char *text, size_t size, char why[PTX_WHY]) {
    memset(module, 0, sizeof *module);
    if (size > PTX_TEXT_MAX)
        return ptx_refuse(why, 0, "PTX of %zu bytes is more than %zu", size, PTX_TEXT_MAX);
    module->text = text;
    module->size = size;
    struct ptx_lexer lexer;
    ptx_lexer_start(&lexer, text, text + size, 1);
    while (lexer.token.kind != PTX_END)
        if (read_one(&lexer, module, why) != 0) {
            ptx_module_free(module);
            return -1;
        }
    if (lexer.bad) {
        unexpected(&lexer, "", why);
        ptx_module_free(module);
        return -1;
    }
    return 0;
}

void ptx_module_free(struct ptx_module *module) {
    free(module->functions);
    free(module->variables);
    memset(module, 0, sizeof *module);
}

const struct ptx_function *ptx_module_function(const struct ptx_module *module,
                                               struct ptx_word name) {
    const struct ptx_function *found = NULL;
    for (int k = 0; k < module->function_count; k++)
        if (ptx_word_same(module->functions[k].name, name) && (!found || !found->body))
            found = &module->functions[k];
    return found;
}

const struct ptx_variable *ptx_module_variable(const struct ptx_module *module,
                                               struct ptx_word name) {
    for (int k = 0; k < module->variable_count; k++)
        if (ptx_word_same(module->variables[k].name, name))
            return &module->variables[k];
    return NULL;
}
