/*
 * ptx_program.c: a PTX text and those of its kernels that were asked for.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx_inside.h"

/* Of the C++ run time, which is linked for Boost. */
char *__cxa_demangle(const char *name, char *out, size_t *size, int *status);

struct ptx_program {
    struct ptx_module module;
    struct ptx_code **codes; /* by the function's number; NULL: not asked for */
    pthread_mutex_t lock;
};

void ptx_shown_name(const char *symbol, char *out, size_t size) {
    static const char unnamed[] = "(anonymous namespace)::";
    int status;
    char *full = __cxa_demangle(symbol, NULL, NULL, &status);
    const char *at = full && status == 0 ? full : symbol;
    if (strncmp(at, "void ", 5) == 0)
        at += 5;
    size_t length = 0;
    for (int depth = 0; *at && length + 1 < size; at++) {
        if (strncmp(at, unnamed, sizeof unnamed - 1) == 0) {
            at += sizeof unnamed - 2;
            continue;
        }
        if (*at == '(' && depth == 0)
            break;
        depth += (*at == '<' || *at == '(') - (*at == '>' || *at == ')');
        out[length++] = *at > ' ' && *at < 127 ? *at : *at == ' ' ? ' ' : '?';
    }
    out[length] = '\0';
    free(full);
}

int ptx_program_open(struct ptx_program **out, const char *text, size_t size) {
    char why[PTX_WHY];
    *out = NULL;
    struct ptx_program *program = calloc(1, sizeof *program);
    if (!program)
        return device_fail("out of memory");
    if (ptx_module_read(&program->module, text, size, why) != 0) {
        free(program);
        return device_fail("PTX, %s", why);
    }
    program->codes = calloc((size_t)program->module.function_count + 1, sizeof(struct ptx_code *));
    if (!program->codes) {
        ptx_module_free(&program->module);
        free(program);
        return device_fail("out of memory");
    }
    pthread_mutex_init(&program->lock, NULL);
    *out = program;
    return 0;
}

static void close_code(struct ptx_code *code) {
    if (!code)
        return;
    if (code->library)
        dlclose(code->library);
    free(code->symbol);
    free(code);
}

void ptx_program_close(struct ptx_program *program) {
    if (!program)
        return;
    for (int k = 0; k < program->module.function_count; k++)
        close_code(program->codes[k]);
    free(program->codes);
    ptx_module_free(&program->module);
    pthread_mutex_destroy(&program->lock);
    free(program);
}

/* The text by which a kernel says what it touches; `c` is freed. */
static char *with_races(char *c, size_t *size) {
    static const char define[] = "#define PTX_RACES\n";
    char *text = malloc(*size + sizeof define);
    if (text) {
        memcpy(text, define, sizeof define - 1);
        memcpy(text + sizeof define - 1, c, *size);
        *size += sizeof define - 1;
        text[*size] = '\0';
    }
    free(c);
    return text;
}

static int build(struct ptx_program *program, const struct ptx_function *f, struct ptx_code *code) {
    char why[PTX_WHY];
    bool compiled = false;
    double began = ptx_now();
    ptx_shown_name(code->symbol, code->name, sizeof code->name);
    if (ptx_translate(&program->module, f, &code->text, why) != 0)
        return device_fail("kernel %s: PTX %s", code->name, why);
    char *c = code->text.c;
    size_t size = code->text.size;
    code->text.c = NULL;
    const struct ptx_config *config = ptx_configured();
    if (config->change)
        c = config->change(code->name, c, &size);
    if (config->races && c)
        c = with_races(c, &size);
    int status = c ? ptx_build(code, c, size, &compiled) : device_fail("out of memory");
    free(c);
    ptx_counted.kernels++;
    ptx_counted.compiled += compiled;
    ptx_counted.instructions += (uint64_t)code->text.instructions;
    ptx_counted.build_seconds += ptx_now() - began;
    return status;
}

int ptx_program_kernel(struct ptx_program *program, const char *name, const struct ptx_code **out) {
    struct ptx_word word = {name, (int)strlen(name)};
    const struct ptx_function *f = ptx_module_function(&program->module, word);
    *out = NULL;
    if (!f || !f->entry)
        return device_fail("there is no kernel %.200s in this PTX", name);
    int index = (int)(f - program->module.functions), status = 0;
    pthread_mutex_lock(&program->lock);
    if (!program->codes[index]) {
        struct ptx_code *code = calloc(1, sizeof *code);
        if (code)
            code->symbol = strdup(name);
        status = code && code->symbol ? build(program, f, code) : device_fail("out of memory");
        if (status == 0)
            program->codes[index] = code;
        else
            close_code(code);
    }
    *out = program->codes[index];
    pthread_mutex_unlock(&program->lock);
    return status;
}

const char *ptx_code_name(const struct ptx_code *code) {
    return code->name;
}

int ptx_code_params(const struct ptx_code *code) {
    return code->text.param_count;
}
