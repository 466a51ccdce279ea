/*
 * ptx_read.h: PTX text as a module: its functions, where their bodies are, its variables. Bodies
 * are read by the translator (ptx_translate.h), statement by statement.
 *
 * The text is input like any other: it is bounded, nothing in it is believed, and what is not
 * understood is one line that names what was read, the line and the word. Names in a module are
 * pieces of the text, which must outlive it.
 */
#ifndef NANOLAB_KERNELS_PTX_PTX_READ_H
#define NANOLAB_KERNELS_PTX_PTX_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PTX_TEXT_MAX ((size_t)256 << 20)
#define PTX_NAME_MAX 2048
#define PTX_PARAMS_MAX 64
#define PTX_FUNCTIONS_MAX 8192
#define PTX_BYTES_MAX ((uint64_t)1 << 20) /* of one variable or parameter */
#define PTX_WHY 400

struct ptx_word {
    const char *text;
    int length;
};

bool ptx_word_is(struct ptx_word word, const char *text);
bool ptx_word_same(struct ptx_word a, struct ptx_word b);
/* For messages: what can be printed of a word, shortened, into out[64]; returns out. */
const char *ptx_word_shown(struct ptx_word word, char out[64]);

enum ptx_token_kind { PTX_END, PTX_WORD, PTX_STRING, PTX_SIGN };
struct ptx_token {
    enum ptx_token_kind kind;
    struct ptx_word word; /* of a sign: its one character */
    int line;
};
/* Reads tokens one after another; `token` is the one that is next. */
struct ptx_lexer {
    const char *at, *end;
    int line;
    struct ptx_token token;
    bool bad; /* a comment or string without its end: the rest is PTX_END */
};

void ptx_lexer_start(struct ptx_lexer *lexer, const char *text, const char *end, int line);
void ptx_lexer_next(struct ptx_lexer *lexer);
/* Whether the next token is this word or sign; ptx_lexer_take also goes behind it. */
bool ptx_lexer_at(const struct ptx_lexer *lexer, const char *text);
bool ptx_lexer_take(struct ptx_lexer *lexer, const char *text);

enum ptx_variable_space { PTX_IN_GLOBAL, PTX_IN_CONST, PTX_IN_SHARED, PTX_IN_LOCAL, PTX_IN_PARAM };
struct ptx_variable {
    struct ptx_word name;
    enum ptx_variable_space space;
    unsigned align;
    unsigned element; /* bytes of one */
    uint64_t bytes;   /* 0: an array whose size the launch gives */
    int line;
};

struct ptx_function {
    struct ptx_word name;
    bool entry;
    int line;
    struct ptx_variable results[2], params[PTX_PARAMS_MAX];
    int result_count, param_count;
    unsigned max_threads[3];     /* .maxntid, 0: not given */
    bool exact_threads;          /* .reqntid */
    const char *body, *body_end; /* NULL: declared only */
    int body_line;
};

struct ptx_module {
    const char *text;
    size_t size;
    int arch; /* of .target: 80 for sm_80; 0: none is named */
    struct ptx_function *functions;
    int function_count;
    struct ptx_variable *variables;
    int variable_count;
};

/* 0, or -1 with one line in why. `text` stays the caller's. */
int ptx_module_read(struct ptx_module *module, const char *text, size_t size, char why[PTX_WHY]);
void ptx_module_free(struct ptx_module *module);
/* NULL: there is none (with a body, where there are several). */
const struct ptx_function *ptx_module_function(const struct ptx_module *module,
                                               struct ptx_word name);
const struct ptx_variable *ptx_module_variable(const struct ptx_module *module,
                                               struct ptx_word name);

/* Bytes of a type by its name without the dot ("u32", "f16x2"); 0: none. */
unsigned ptx_type_bytes(struct ptx_word type);
/* An integer as PTX writes it (decimal, 0x, 0b, octal, U behind it) or a float's bits (0f, 0d): its
 * bits; the literal's own size in bytes, 0 for integers. False: it is none. */
bool ptx_number(struct ptx_word word, uint64_t *bits, unsigned *size);
/* A variable's declaration from behind its space to its end, as in `.align 8 .b8 name[16]`. */
int ptx_read_variable(struct ptx_lexer *lexer, enum ptx_variable_space space,
                      struct ptx_variable *out, char why[PTX_WHY]);
/* why := "line N: …"; -1. */
int ptx_refuse(char why[PTX_WHY], int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
