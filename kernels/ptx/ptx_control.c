/*
 * ptx_control.c: jumps, calls, and where threads meet.
 */
#include <string.h>

#include "kernels/ptx/ptx_translate_inside.h"

void ptx_write_return(struct ptx_writer *w) {
    fputs(w->has_local ? "{ t->local_top = top_; return; }" : "return;", w->out);
}

static bool is(const struct ptx_statement *s, const char *opcode) {
    return ptx_word_is(s->opcode, opcode);
}

static int write_bra(struct ptx_writer *w, const struct ptx_statement *s) {
    struct ptx_word label = s->operand[0].value.word;
    if (s->operands != 1 || s->operand[0].kind != PTX_VALUE || s->operand[0].value.minus ||
        (!is(s, "bra") && !is(s, "bra.uni")))
        return ptx_unknown(w, s);
    if (ptx_label_used(w, s, label) != 0)
        return -1;
    if (ptx_label_defined(w, label)) /* a jump back */
        fprintf(w->out, "ptx_again(t, %d); ", s->line);
    fprintf(w->out, "goto l_%.*s;", label.length, label.text);
    return 0;
}

/* Leaving: a function returns to its caller, exit ends the thread. */
static int write_leave(struct ptx_writer *w, const struct ptx_statement *s) {
    if (s->operands != 0)
        return ptx_unknown(w, s);
    if (is(s, "ret") || is(s, "ret.uni"))
        ptx_write_return(w);
    else if (is(s, "exit"))
        fputs("t->machine->leave(t);", w->out);
    else if (is(s, "trap"))
        fprintf(w->out, "t->machine->fault(t, PTX_TRAPPED, PTX_GENERIC, 0, 0, %d);", s->line);
    else
        return ptx_unknown(w, s);
    return 0;
}

/* call (result), name, (arguments); all of them parameters of the block. */
static int write_call(struct ptx_writer *w, const struct ptx_statement *s) {
    const struct ptx_operand *results = NULL, *arguments = NULL;
    int at = 0;
    if (!is(s, "call") && !is(s, "call.uni"))
        return ptx_unknown(w, s);
    if (at < s->operands && s->operand[at].kind == PTX_LIST)
        results = &s->operand[at++];
    if (at >= s->operands || s->operand[at].kind != PTX_VALUE)
        return ptx_refuse_statement(w, s, "no function's name");
    struct ptx_word name = s->operand[at++].value.word;
    if (at < s->operands && s->operand[at].kind == PTX_LIST)
        arguments = &s->operand[at++];
    if (at != s->operands)
        return ptx_refuse_statement(w, s, "more than results, a name and arguments");
    int index = ptx_function_needed(w, s, name);
    if (index < 0)
        return -1;
    const struct ptx_function *f = &w->kernel->module->functions[index];
    if ((results ? results->count : 0) != f->result_count ||
        (arguments ? arguments->count : 0) != f->param_count)
        return ptx_refuse_statement(w, s, "'%s' has other results or arguments", PTX_SHOWN(name));
    fprintf(w->out, "f%d(t", index);
    for (int k = 0; k < f->result_count + f->param_count; k++) {
        bool result = k < f->result_count;
        const struct ptx_variable *v = result ? &f->results[k] : &f->params[k - f->result_count];
        struct ptx_value value = result ? results->items[k] : arguments->items[k - f->result_count];
        const struct ptx_symbol *symbol = ptx_symbol_of(w, value.word);
        if (!symbol || symbol->kind != PTX_PARAM || symbol->place != PTX_OF_BLOCK ||
            symbol->bytes != v->bytes)
            return ptx_refuse_statement(w, s, "'%s' is no parameter of %llu bytes",
                                        PTX_SHOWN(value.word), (unsigned long long)v->bytes);
        fprintf(w->out, ", q_%.*s", value.word.length, value.word.text);
    }
    fputs(");", w->out);
    return 0;
}

/* bar.sync N, bar.red.or.pred p, N, q and their like, for all threads of a block. */
static int write_bar(struct ptx_writer *w, const struct ptx_statement *s) {
    static const struct {
        const char *opcode, *what;
        bool counts;
    } reductions[] = {{"bar.red.and.pred", "AND", false},
                      {"bar.red.or.pred", "OR", false},
                      {"bar.red.popc.u32", "POPC", true}};
    char id[PTX_EXPRESSION], mask[PTX_EXPRESSION], p[PTX_EXPRESSION], call[3 * PTX_EXPRESSION];
    if (is(s, "bar.warp.sync") && s->operands == 1) {
        if (ptx_write_operand(w, s, 0, 4, false, mask) != 0)
            return -1;
        fprintf(w->out, "{ uint8_t p_; t->machine->meet(t, PTX_WARP_SYNC, 0, 0, 0, %s, &p_, %d); }",
                mask, s->line);
        return 0;
    }
    if ((is(s, "bar.sync") || is(s, "barrier.sync.aligned")) && s->operands == 1) {
        if (ptx_write_operand(w, s, 0, 4, false, id) != 0)
            return -1;
        fprintf(w->out, "t->machine->barrier(t, PTX_BARRIER, %s, 0, %d);", id, s->line);
        return 0;
    }
    for (size_t k = 0; k < sizeof reductions / sizeof *reductions; k++) {
        if (!is(s, reductions[k].opcode) || s->operands != 3)
            continue;
        if (ptx_write_operand(w, s, 1, 4, false, id) != 0 ||
            ptx_write_operand(w, s, 2, 0, false, p) != 0)
            return -1;
        snprintf(call, sizeof call, "%st->machine->barrier(t, PTX_BARRIER_%s, %s, %s, %d)",
                 reductions[k].counts ? "" : "(uint8_t)", reductions[k].what, id, p, s->line);
        if (s->operand[0].kind != PTX_VALUE)
            return ptx_unknown(w, s);
        return ptx_write_result(w, s, s->operand[0].value, reductions[k].counts ? 4 : 0, false,
                                false, call);
    }
    return ptx_unknown(w, s);
}

/* shfl.sync.mode.b32 d|p, a, b, c, mask */
static int write_shfl(struct ptx_writer *w, const struct ptx_statement *s) {
    static const char *const modes[][2] = {{"shfl.sync.up.b32", "UP"},
                                           {"shfl.sync.down.b32", "DOWN"},
                                           {"shfl.sync.bfly.b32", "BFLY"},
                                           {"shfl.sync.idx.b32", "IDX"}};
    char value[4][PTX_EXPRESSION], call[5 * PTX_EXPRESSION];
    const char *mode = NULL;
    for (size_t k = 0; k < sizeof modes / sizeof *modes; k++)
        if (is(s, modes[k][0]))
            mode = modes[k][1];
    if (!mode || s->operands != 5 || s->operand[0].kind != PTX_VALUE || s->operand[0].negated)
        return ptx_unknown(w, s);
    for (int k = 0; k < 4; k++)
        if (ptx_write_operand(w, s, k + 1, 4, false, value[k]) != 0)
            return -1;
    snprintf(call, sizeof call, "t->machine->meet(t, PTX_SHFL_%s, %s, %s, %s, %s, &p_, %d)", mode,
             value[0], value[1], value[2], value[3], s->line);
    fputs("{ uint8_t p_; ", w->out);
    if (ptx_write_result(w, s, s->operand[0].value, 4, false, false, call) != 0)
        return -1;
    if (s->operand[0].second.text) {
        struct ptx_value p = {s->operand[0].second, false};
        fputs(" ", w->out);
        if (ptx_write_result(w, s, p, 0, false, false, "p_") != 0)
            return -1;
    }
    fputs(" }", w->out);
    return 0;
}

/* vote.sync.mode d, p, mask */
static int write_vote(struct ptx_writer *w, const struct ptx_statement *s) {
    static const char *const modes[][2] = {{"vote.sync.all.pred", "ALL"},
                                           {"vote.sync.any.pred", "ANY"},
                                           {"vote.sync.uni.pred", "UNI"},
                                           {"vote.sync.ballot.b32", "BALLOT"}};
    char p[PTX_EXPRESSION], mask[PTX_EXPRESSION], call[3 * PTX_EXPRESSION];
    for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
        if (!is(s, modes[k][0]) || s->operands != 3 || s->operand[0].kind != PTX_VALUE)
            continue;
        if (ptx_write_operand(w, s, 1, 0, false, p) != 0 ||
            ptx_write_operand(w, s, 2, 4, false, mask) != 0)
            return -1;
        bool ballot = k == 3;
        snprintf(call, sizeof call, "%st->machine->meet(t, PTX_VOTE_%s, %s, 0, 0, %s, &p_, %d)",
                 ballot ? "" : "(uint8_t)", modes[k][1], p, mask, s->line);
        fputs("{ uint8_t p_; ", w->out);
        if (ptx_write_result(w, s, s->operand[0].value, ballot ? 4 : 0, false, false, call) != 0)
            return -1;
        fputs(" }", w->out);
        return 0;
    }
    return ptx_unknown(w, s);
}

/* One thread runs at a time, so memory is in order; C's compiler must keep it. */
static int write_fence(struct ptx_writer *w, const struct ptx_statement *s) {
    static const char *const known[] = {"cta", "gpu", "sys", "gl", "sc", "acq_rel"};
    if (s->operands != 0 || s->modifiers < 1 || s->modifiers > 2)
        return ptx_unknown(w, s);
    for (int k = 0; k < s->modifiers; k++) {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && !ptx_word_is(s->modifier[k], known[i]))
            i++;
        if (i == sizeof known / sizeof *known)
            return ptx_unknown(w, s);
    }
    fputs("__asm__ volatile(\"\" ::: \"memory\");", w->out);
    return 0;
}

int ptx_write_control(struct ptx_writer *w, const struct ptx_statement *s) {
    static const struct {
        const char *base;
        int (*write)(struct ptx_writer *, const struct ptx_statement *);
    } writers[] = {{"bra", write_bra},      {"ret", write_leave},  {"exit", write_leave},
                   {"trap", write_leave},   {"call", write_call},  {"bar", write_bar},
                   {"barrier", write_bar},  {"shfl", write_shfl},  {"vote", write_vote},
                   {"membar", write_fence}, {"fence", write_fence}};
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++)
        if (ptx_word_is(s->base, writers[k].base))
            return writers[k].write(w, s) == 0 ? 1 : -1;
    return 0;
}
