/*
 * ptx_translate.c: kernels and functions. Statements are read and written by ptx_statement.c, by
 * way of ptx_operand.c; instructions that are more than a call by ptx_move.c, ptx_access.c and
 * ptx_control.c.
 *
 * A PTX function becomes a C function of the same blocks, labels and registers. Functions that are
 * called are written first, each once a kernel.
 */
#include "kernels/ptx/ptx_translate.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/ptx/ptx_text.h"
#include "kernels/ptx/ptx_translate_inside.h"

int ptx_refuse_statement(struct ptx_writer *w, const struct ptx_statement *s, const char *format,
                         ...) {
    char text[PTX_WHY];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ptx_refuse(w->kernel->why, s->line, "%s: %.300s", PTX_SHOWN(s->opcode), text);
}

int ptx_unknown(struct ptx_writer *w, const struct ptx_statement *s) {
    return ptx_refuse(w->kernel->why, s->line,
                      "%s is not among the instructions that are translated", PTX_SHOWN(s->opcode));
}

static int add_params(struct ptx_writer *w) {
    const struct ptx_function *f = w->function;
    for (int k = 0; k < f->result_count + f->param_count; k++) {
        const struct ptx_variable *v =
            k < f->result_count ? &f->results[k] : &f->params[k - f->result_count];
        struct ptx_symbol symbol = {
            .name = v->name, .kind = PTX_PARAM, .bytes = (unsigned)v->bytes};
        symbol.place = f->entry ? PTX_OF_KERNEL : k;
        if (f->entry)
            symbol.at = w->kernel->text->param_at[k];
        if (ptx_add_symbol(w, v->line, symbol) != 0)
            return -1;
    }
    return 0;
}

static void write_head(struct ptx_writer *w, FILE *out) {
    const struct ptx_function *f = w->function;
    if (f->entry) {
        fputs("void ptx_entry(struct ptx_thread *t) {\n", out);
        return;
    }
    fprintf(out, "static __attribute__((noinline)) void f%d(struct ptx_thread *t",
            (int)(f - w->kernel->module->functions));
    for (int k = 0; k < f->result_count + f->param_count; k++)
        fprintf(out, ", uint8_t *p%d", k);
    fputs(") {\n", out);
}

static void move_params(const struct ptx_writer *w) {
    const struct ptx_function *f = w->function;
    for (int k = f->result_count; k < f->result_count + f->param_count; k++)
        if (w->moved[k])
            fprintf(w->kernel->out,
                    "p%d = memcpy(t->local + ptx_local_take(t, %llu, 16), p%d, %llu);\n", k,
                    (unsigned long long)f->params[k - f->result_count].bytes, k,
                    (unsigned long long)f->params[k - f->result_count].bytes);
}

static int check_labels(const struct ptx_writer *w) {
    for (int k = 0; k < w->used.count; k++) {
        int d = 0;
        while (d < w->defined.count && !ptx_word_same(w->defined.word[d], w->used.word[k]))
            d++;
        if (d == w->defined.count)
            return ptx_refuse(w->kernel->why, w->used.line[k], "there is no label '%s'",
                              PTX_SHOWN(w->used.word[k]));
    }
    return 0;
}

static int write_statements(struct ptx_writer *w) {
    const struct ptx_function *f = w->function;
    struct ptx_lexer lexer;
    ptx_lexer_start(&lexer, f->body, f->body_end, f->body_line);
    while (lexer.token.kind != PTX_END)
        if (ptx_write_statement(w, &lexer) != 0)
            return -1;
    if (lexer.bad)
        return ptx_refuse(w->kernel->why, lexer.token.line, "a string or name without an end");
    return check_labels(w);
}

static int write_function(struct ptx_kernel *kernel, const struct ptx_function *f) {
    int index = (int)(f - kernel->module->functions), status = -1;
    char *text = NULL;
    size_t size = 0;
    struct ptx_writer w = {.kernel = kernel, .function = f};
    kernel->state[index] = 1;
    w.symbols = calloc(PTX_SYMBOLS_MAX, sizeof *w.symbols);
    w.out = open_memstream(&text, &size);
    if (!w.symbols || !w.out) {
        ptx_refuse(kernel->why, f->line, "out of memory");
    } else if (add_params(&w) == 0 && write_statements(&w) == 0) {
        /* Where a body just ends, it returns. */
        ptx_write_return(&w);
        fputs("}\n", w.out);
        if (fclose(w.out) == 0) {
            write_head(&w, kernel->out);
            if (w.has_local)
                fputs("const uint64_t top_ = t->local_top;\n", kernel->out);
            move_params(&w);
            fwrite(text, 1, size, kernel->out);
            status = 0;
        } else {
            ptx_refuse(kernel->why, f->line, "out of memory");
        }
        w.out = NULL;
    }
    if (w.out)
        fclose(w.out);
    free(text);
    free(w.symbols);
    free(w.defined.word);
    free(w.defined.line);
    free(w.used.word);
    free(w.used.line);
    kernel->state[index] = 2;
    kernel->function_local[index] = w.local_bytes + w.called_local_bytes;
    return status;
}

int ptx_function_needed(struct ptx_writer *w, const struct ptx_statement *s, struct ptx_word name) {
    struct ptx_kernel *kernel = w->kernel;
    const struct ptx_function *f = ptx_module_function(kernel->module, name);
    if (!f || !f->body || f->entry)
        return ptx_refuse_statement(w, s, "there is no function '%s' in this text",
                                    PTX_SHOWN(name));
    int index = (int)(f - kernel->module->functions);
    if (kernel->state[index] == 1)
        return ptx_refuse_statement(w, s, "'%s' calls itself", PTX_SHOWN(name));
    if (kernel->state[index] == 0) {
        if (kernel->calls == PTX_CALLS_MAX)
            return ptx_refuse_statement(w, s, "more than %d functions in one another",
                                        PTX_CALLS_MAX);
        kernel->calls++;
        int status = write_function(kernel, f);
        kernel->calls--;
        if (status != 0)
            return -1;
    }
    if (kernel->function_local[index] > w->called_local_bytes)
        w->called_local_bytes = kernel->function_local[index];
    return index;
}

/* Parameters lie behind one another, each aligned. */
static void place_params(struct ptx_kernel_text *text, const struct ptx_function *f) {
    uint64_t top = 0;
    text->param_count = f->param_count;
    for (int k = 0; k < f->param_count; k++) {
        const struct ptx_variable *v = &f->params[k];
        top = (top + v->align - 1) / v->align * v->align;
        text->param_at[k] = (unsigned)top;
        text->param_bytes[k] = (unsigned)v->bytes;
        top += v->bytes;
    }
    text->params_bytes = (unsigned)top;
    memcpy(text->max_threads, f->max_threads, sizeof text->max_threads);
    text->exact_threads = f->exact_threads;
}

/* The parts to one text: what instructions mean, where dynamic shared memory begins, functions. */
static int put_together(struct ptx_kernel_text *text, const char *functions, size_t size) {
    FILE *out = open_memstream(&text->c, &text->size);
    if (!out)
        return -1;
    fwrite(ptx_text, 1, ptx_text_size, out);
    fprintf(out, "\n#define PTX_DYNAMIC %lluull\n", (unsigned long long)text->shared_bytes);
    fwrite(functions, 1, size, out);
    return fclose(out);
}

int ptx_translate(const struct ptx_module *module, const struct ptx_function *f,
                  struct ptx_kernel_text *out, char why[PTX_WHY]) {
    memset(out, 0, sizeof *out);
    if (!f->entry || !f->body)
        return ptx_refuse(why, f->line, "'%s' is no kernel with a body", PTX_SHOWN(f->name));
    struct ptx_kernel kernel = {.module = module, .text = out, .why = why};
    char *functions = NULL;
    size_t size = 0, count = (size_t)module->function_count;
    kernel.state = calloc(count, 1);
    kernel.function_local = calloc(count, sizeof *kernel.function_local);
    kernel.variable_at = calloc((size_t)module->variable_count + 1, sizeof *kernel.variable_at);
    kernel.out = open_memstream(&functions, &size);
    int status = ptx_refuse(why, f->line, "out of memory");
    if (kernel.state && kernel.function_local && kernel.variable_at && kernel.out) {
        place_params(out, f);
        out->arch = module->arch;
        status = write_function(&kernel, f);
    }
    if (kernel.out && fclose(kernel.out) != 0 && status == 0)
        status = ptx_refuse(why, f->line, "out of memory");
    out->shared_bytes = (kernel.shared_top + 15) / 16 * 16;
    out->local_bytes = kernel.function_local ? kernel.function_local[f - module->functions] : 0;
    if (status == 0 && put_together(out, functions, size) != 0)
        status = ptx_refuse(why, f->line, "out of memory");
    free(functions);
    free(kernel.state);
    free(kernel.function_local);
    free(kernel.variable_at);
    if (status != 0) {
        free(out->c);
        out->c = NULL;
    }
    return status;
}
