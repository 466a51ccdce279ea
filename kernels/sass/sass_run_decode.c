/*
 * sass_run_decode.c: an instruction as its text has it, made ready to be run again and again: where
 * its operands are, and which function does it. It is done anew at each launch, since parameters are
 * among the operands; of launches over 3,000 elements it takes some percent of the time.
 *
 * Operands stand in the order: what is written (a register, predicates), sources, predicates that
 * are read. Which of the first are written differs by opcode: the table below says it.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/sass/sass_run.h"

/* What an instruction writes, from its first operand on: D a register; P a predicate; p as many
 * predicates as there are; Q a predicate if there is one. "D" if an opcode is not here. */
static const struct {
    uint16_t op;
    const char *written;
} written[] = {
    {SASS_OP_IADD3, "Dp"},       {SASS_OP_UIADD3, "Dp"},  {SASS_OP_IMAD, "Dp"},
    {SASS_OP_UIMAD, "Dp"},       {SASS_OP_LEA, "Dp"},     {SASS_OP_ULEA, "Dp"},
    {SASS_OP_LOP3, "QD"},        {SASS_OP_ULOP3, "QD"},   {SASS_OP_ISETP, "PP"},
    {SASS_OP_UISETP, "PP"},      {SASS_OP_FSETP, "PP"},   {SASS_OP_DSETP, "PP"},
    {SASS_OP_PLOP3, "PP"},       {SASS_OP_UPLOP3, "PP"},  {SASS_OP_SHFL, "PD"},
    {SASS_OP_ATOM, "PD"},        {SASS_OP_ATOMG, "PD"},   {SASS_OP_QSPC, "PD"},
    {SASS_OP_VOTE, "DP"},        {SASS_OP_VOTEU, "DP"},   {SASS_OP_FCHK, "P"},
    {SASS_OP_R2P, ""},           {SASS_OP_B2R, "DP"},     {SASS_OP_ST, ""},
    {SASS_OP_STG, ""},           {SASS_OP_STS, ""},       {SASS_OP_STL, ""},
    {SASS_OP_RED, ""},           {SASS_OP_REDG, ""},      {SASS_OP_BRA, ""},
    {SASS_OP_BRX, ""},           {SASS_OP_BRXU, ""},      {SASS_OP_CALL, ""},
    {SASS_OP_RET, ""},           {SASS_OP_BSSY, ""},      {SASS_OP_BSYNC, ""},
    {SASS_OP_BREAK, ""},         {SASS_OP_WARPSYNC, ""},  {SASS_OP_BAR, ""},
    {SASS_OP_EXIT, ""},          {SASS_OP_NOP, ""},       {SASS_OP_YIELD, ""},
    {SASS_OP_MEMBAR, ""},        {SASS_OP_ERRBAR, ""},    {SASS_OP_CGAERRBAR, ""},
    {SASS_OP_CCTL, ""},          {SASS_OP_DEPBAR, ""},    {SASS_OP_BPT, ""},
    {SASS_OP_ENDCOLLECTIVE, ""}, {SASS_OP_NANOSLEEP, ""}, {SASS_OP_LDGSTS, ""},
    {SASS_OP_LDGDEPBAR, ""},
};

/* Sources and predicates that an instruction reads at least; 0 and 0 if it is not here. */
static const struct {
    uint16_t op;
    uint8_t sources, conditions;
} reads[] = {
    {SASS_OP_IADD3, 3, 0},   {SASS_OP_UIADD3, 3, 0},    {SASS_OP_VIADD, 2, 0},
    {SASS_OP_UVIADD, 2, 0},  {SASS_OP_IMAD, 3, 0},      {SASS_OP_UIMAD, 3, 0},
    {SASS_OP_LEA, 3, 0},     {SASS_OP_ULEA, 3, 0},      {SASS_OP_SHF, 3, 0},
    {SASS_OP_USHF, 3, 0},    {SASS_OP_LOP3, 4, 0},      {SASS_OP_ULOP3, 4, 0},
    {SASS_OP_PLOP3, 0, 3},   {SASS_OP_UPLOP3, 0, 3},    {SASS_OP_PRMT, 3, 0},
    {SASS_OP_UPRMT, 3, 0},   {SASS_OP_FLO, 1, 0},       {SASS_OP_UFLO, 1, 0},
    {SASS_OP_POPC, 1, 0},    {SASS_OP_UPOPC, 1, 0},     {SASS_OP_BREV, 1, 0},
    {SASS_OP_UBREV, 1, 0},   {SASS_OP_IABS, 1, 0},      {SASS_OP_UIABS, 1, 0},
    {SASS_OP_ISETP, 2, 1},   {SASS_OP_UISETP, 2, 1},    {SASS_OP_IMNMX, 2, 1},
    {SASS_OP_UIMNMX, 2, 1},  {SASS_OP_VIMNMX, 2, 1},    {SASS_OP_UVIMNMX, 2, 1},
    {SASS_OP_VIMNMX3, 3, 1}, {SASS_OP_VIADDMNMX, 3, 1}, {SASS_OP_MOV, 1, 0},
    {SASS_OP_UMOV, 1, 0},    {SASS_OP_SEL, 2, 1},       {SASS_OP_USEL, 2, 1},
    {SASS_OP_P2R, 2, 0},     {SASS_OP_R2P, 2, 0},       {SASS_OP_SHFL, 3, 0},
    {SASS_OP_VOTE, 0, 1},    {SASS_OP_VOTEU, 0, 1},     {SASS_OP_REDUX, 1, 0},
    {SASS_OP_R2UR, 1, 0},    {SASS_OP_FADD, 2, 0},      {SASS_OP_FMUL, 2, 0},
    {SASS_OP_FFMA, 3, 0},    {SASS_OP_DADD, 2, 0},      {SASS_OP_DMUL, 2, 0},
    {SASS_OP_DFMA, 3, 0},    {SASS_OP_FSETP, 2, 1},     {SASS_OP_DSETP, 2, 1},
    {SASS_OP_FSEL, 2, 1},    {SASS_OP_FMNMX, 2, 1},     {SASS_OP_FCHK, 2, 0},
    {SASS_OP_MUFU, 1, 0},    {SASS_OP_F2F, 1, 0},       {SASS_OP_F2I, 1, 0},
    {SASS_OP_I2F, 1, 0},     {SASS_OP_I2FP, 1, 0},      {SASS_OP_HADD2, 2, 0},
    {SASS_OP_HMUL2, 2, 0},   {SASS_OP_HFMA2, 3, 0},     {SASS_OP_F2FP, 1, 0},
    {SASS_OP_ST, 1, 0},      {SASS_OP_STG, 1, 0},       {SASS_OP_STS, 1, 0},
    {SASS_OP_STL, 1, 0},     {SASS_OP_ATOM, 1, 0},      {SASS_OP_ATOMG, 1, 0},
    {SASS_OP_ATOMS, 2, 0},   {SASS_OP_RED, 1, 0},       {SASS_OP_REDG, 1, 0},
    {SASS_OP_BAR, 1, 0},     {SASS_OP_BRX, 2, 0},       {SASS_OP_BRXU, 2, 0},
    {SASS_OP_RET, 1, 0},     {SASS_OP_HMMA, 3, 0},      {SASS_OP_IMMA, 3, 0},
    {SASS_OP_DEPBAR, 1, 0},  {SASS_OP_IDP, 3, 0},       {SASS_OP_MOVM, 1, 0},
    {SASS_OP_LDGSTS, 0, 1},
};

/* Constants are kept in chunks, so that they stay where they are. */
struct sass_row {
    struct sass_row *next;
    uint32_t words[2][SASS_LANES];
};

const uint32_t *sass_constant(struct sass_run *run, const struct sass_warp *w, uint64_t value) {
    struct sass_row *row = malloc(sizeof *row);
    if (!row)
        sass_fail(w, -1, "out of memory");
    row->next = run->rows;
    run->rows = row;
    SASS_LANE(l) {
        row->words[0][l] = (uint32_t)value;
        row->words[1][l] = (uint32_t)(value >> 32);
    }
    return row->words[0];
}

void sass_constants_free(struct sass_row *row) {
    while (row) {
        struct sass_row *next = row->next;
        free(row);
        row = next;
    }
}

void sass_refuse(const struct sass_warp *w, const struct sass_instruction *i, const char *why) {
    (void)i; /* sass_fail() shows what runs */
    sass_fail(w, -1, "this is not among the instructions that are run%s%s", *why ? ": " : "", why);
}

uint64_t sass_bank(struct sass_run *run, const struct sass_warp *w, unsigned bank, int64_t at,
                   unsigned bytes) {
    const struct sass_program *program = run->program;
    const uint8_t *from = bank == 0           ? run->bank
                          : bank < SASS_BANKS ? program->banks[bank].bytes
                                              : NULL;
    size_t size = bank == 0 ? run->bank_size : bank < SASS_BANKS ? program->banks[bank].size : 0;
    /* What else the driver keeps in bank 0 is not known. */
    bool known = bank != 0 || (uint64_t)at >= program->params_offset ||
                 (program->arch >= 100  ? at >= 0x358 && at != 0x36c
                  : program->arch >= 90 ? at < 0x30 || (at & ~7ll) == 0x198 || (at & ~7ll) == 0x208
                                        : at < 0x30 || (at & ~7ll) == 0x40 || (at & ~7ll) == 0x118);
    uint64_t value = 0;
    if (at < 0 || !from || (uint64_t)at + bytes > size)
        sass_fail(w, -1, "there is no c[0x%x][0x%llx]", bank, (unsigned long long)at);
    if (!known)
        sass_fail(w, -1, "what c[0x%x][0x%llx] holds is not known", bank, (unsigned long long)at);
    memcpy(&value, from + at, bytes);
    return value;
}

static uint16_t row_of(const struct sass_operand *o) {
    if (o->number == SASS_RZ) /* and URZ */
        return SASS_ROW_ZERO;
    return o->kind == SASS_REGISTER ? o->number : SASS_ROW_UNIFORM + o->number;
}

static uint8_t predicate_of(const struct sass_operand *o) {
    return o->number + (o->kind == SASS_UNIFORM_PREDICATE ? SASS_P_UNIFORM : 0);
}

static bool is_predicate(const struct sass_operand *o) {
    return o->kind == SASS_PREDICATE || o->kind == SASS_UNIFORM_PREDICATE;
}

static bool is_register(const struct sass_operand *o) {
    return o->kind == SASS_REGISTER || o->kind == SASS_UNIFORM;
}

/* Operands that are written, of which the first is not: its index. */
static unsigned take_written(const struct sass_warp *w, const struct sass_instruction *i,
                             struct sass_code *op) {
    const char *what = "D";
    for (size_t k = 0; k < sizeof written / sizeof *written; k++)
        if (written[k].op == i->op)
            what = written[k].written;
    unsigned at = 0;
    for (; *what; what++) {
        const struct sass_operand *o = &i->operands[at];
        bool there = at < i->operand_count;
        if (*what == 'D') {
            if (!there || !is_register(o))
                sass_refuse(w, i, "there is no register where its result goes");
            op->to = o->number == SASS_RZ ? SASS_ROW_SINK : row_of(o);
            at++;
        } else if (there && is_predicate(o)) {
            if (op->target_count == SASS_TARGETS)
                sass_refuse(w, i, "it writes too many predicates");
            op->target[op->target_count++] = o->number == SASS_PT ? SASS_P_SINK : predicate_of(o);
            at++;
            if (*what == 'p')
                what--; /* and perhaps another */
        } else if (*what == 'P') {
            sass_refuse(w, i, "there is no predicate where one is written");
        }
    }
    while (op->target_count < SASS_TARGETS)
        op->target[op->target_count++] = SASS_P_SINK;
    return at;
}

static bool is_unpack(const struct sass_instruction *i) {
    return i->op == SASS_OP_F2FP && sass_has(i, SASS_MOD_UNPACK_B);
}

static void take_source(struct sass_run *run, const struct sass_warp *w,
                        const struct sass_instruction *i, const struct sass_operand *o,
                        struct sass_code *op) {
    if (op->source_count == SASS_SOURCES)
        sass_refuse(w, i, "it has too many operands");
    struct sass_source *s = &op->source[op->source_count++];
    if (o->negative && o->inverted)
        sass_refuse(w, i, "an operand is both negated and inverted");
    bool known = i->op == SASS_OP_IMMA || is_unpack(i); /* to their actions */
    if (o->selector && !known)
        sass_refuse(w, i, "a part of an operand is selected");
    *s = (struct sass_source){.half = o->half,
                              .kind = o->kind,
                              .negative = o->negative,
                              .inverted = o->inverted,
                              .absolute = o->absolute};
    if (o->kind == SASS_IMMEDIATE) {
        s->fixed = sass_constant(run, w, (uint64_t)o->bits);
    } else if (is_register(o)) {
        s->row = row_of(o);
        s->upper = s->row == SASS_ROW_ZERO ? s->row : s->row + 1;
    } else {
        if (o->number != SASS_RZ || o->uniform != SASS_URZ)
            sass_refuse(w, i, "a constant's address is in a register");
        uint64_t low = sass_bank(run, w, o->bank, o->bits, 4), high = 0;
        size_t size = o->bank == 0 ? run->bank_size : run->program->banks[o->bank].size;
        if ((uint64_t)o->bits + 8 <= size &&
            op->pairs >> (s - op->source) & 1) /* only then is there another half */
            high = sass_bank(run, w, o->bank, o->bits + 4, 4);
        s->fixed = sass_constant(run, w, high << 32 | low);
    }
}

static void take_rest(struct sass_run *run, const struct sass_warp *w,
                      const struct sass_instruction *i, unsigned at, struct sass_code *op) {
    unsigned numbers = 0;
    for (; at < i->operand_count; at++) {
        const struct sass_operand *o = &i->operands[at];
        switch (o->kind) {
        case SASS_REGISTER:
        case SASS_UNIFORM:
        case SASS_CONSTANT:
        case SASS_IMMEDIATE:
            /* An index of constants that LDC and its kin read is no source. */
            if (o->kind == SASS_CONSTANT &&
                (i->op == SASS_OP_LDC || i->op == SASS_OP_ULDC || i->op == SASS_OP_LDCU))
                op->memory = *o;
            else if (i->op == SASS_OP_PLOP3 || i->op == SASS_OP_UPLOP3)
                op->number[numbers++ & 1] = (uint32_t)o->bits;
            else
                take_source(run, w, i, o, op);
            break;
        case SASS_PREDICATE:
        case SASS_UNIFORM_PREDICATE:
            if (op->condition_count == SASS_CONDITIONS)
                sass_refuse(w, i, "it reads too many predicates");
            op->condition[op->condition_count++] =
                (struct sass_condition){predicate_of(o), o->inverted};
            break;
        case SASS_MEMORY: /* of two the first is where a copy goes */
            op->place = op->memory;
            op->memory = *o;
            break;
        case SASS_LABEL:
            op->number[1] = (uint32_t)o->bits;
            break;
        case SASS_BARRIER:
        case SASS_SCOREBOARD:
            op->number[0] = o->number;
            break;
        case SASS_SPECIAL:
            op->number[0] = o->number;
            break;
        case SASS_ALL_PREDICATES:
            break;
        default:
            sass_refuse(w, i, "an operand of this kind");
        }
    }
}

/* Bytes of an access, or of a constant. */
static uint8_t width_of(const struct sass_instruction *i) {
    return sass_has(i, SASS_MOD_128)                                ? 16
           : sass_has(i, SASS_MOD_64)                               ? 8
           : sass_has(i, SASS_MOD_U16) || sass_has(i, SASS_MOD_S16) ? 2
           : sass_has(i, SASS_MOD_U8) || sass_has(i, SASS_MOD_S8)   ? 1
                                                                    : 4;
}

/* What an action needs is there, so that it reads nothing else. */
static void check(const struct sass_warp *w, const struct sass_instruction *i,
                  const struct sass_code *made) {
    for (size_t k = 0; k < sizeof reads / sizeof *reads; k++)
        if (reads[k].op == i->op &&
            (made->source_count < reads[k].sources || made->condition_count < reads[k].conditions))
            sass_refuse(w, i, "it has too few operands");
    if (i->op == SASS_OP_F2FP && !is_unpack(i) && made->source_count < 2)
        sass_refuse(w, i, "it has too few operands");
    bool stores =
        i->op == SASS_OP_ST || i->op == SASS_OP_STG || i->op == SASS_OP_STS || i->op == SASS_OP_STL;
    if (stores && made->source[0].fixed)
        sass_refuse(w, i, "what it stores is in no register");
    if (i->op == SASS_OP_LEA && sass_has(i, SASS_MOD_HI) && !sass_has(i, SASS_MOD_SX32) &&
        made->source_count < 4)
        sass_refuse(w, i, "it has too few operands");
    bool accesses = stores || i->op == SASS_OP_LD || i->op == SASS_OP_LDG || i->op == SASS_OP_LDS ||
                    i->op == SASS_OP_LDL || i->op == SASS_OP_LDC || i->op == SASS_OP_ULDC ||
                    i->op == SASS_OP_LDCU || i->op == SASS_OP_ATOM || i->op == SASS_OP_ATOMG ||
                    i->op == SASS_OP_ATOMS || i->op == SASS_OP_RED || i->op == SASS_OP_REDG ||
                    i->op == SASS_OP_QSPC || i->op == SASS_OP_LDSM || i->op == SASS_OP_LDGSTS;
    if (accesses && made->memory.kind == SASS_NONE)
        sass_refuse(w, i, "it has no address");
    if (i->op == SASS_OP_LDGSTS && made->place.kind == SASS_NONE)
        sass_refuse(w, i, "it has no address in shared memory");
}

void sass_decode(struct sass_run *run, const struct sass_warp *w, struct sass_code *op) {
    static sass_action *(*const families[])(const struct sass_instruction *, struct sass_code *) = {
        sass_integer_action, sass_float_action,  sass_half_action,
        sass_move_action,    sass_memory_action, sass_atomic_action,
        sass_matrix_action,  sass_copy_action,   sass_flow_action,
    };
    const struct sass_instruction *i = op->text;
    struct sass_code made = {.text = i, .to = SASS_ROW_SINK};
    sass_action *action = NULL;
    made.guard = i->guard + (i->guard_uniform ? SASS_P_UNIFORM : 0);
    made.guard_inverted = i->guard_inverted;
    made.width = width_of(i);
    made.sign = sass_has(i, SASS_MOD_S8) || sass_has(i, SASS_MOD_S16);
    for (size_t k = 0; !action && k < sizeof families / sizeof *families; k++)
        action = families[k](i, &made);
    if (!action)
        sass_refuse(w, i, "");
    take_rest(run, w, i, take_written(w, i, &made), &made);
    check(w, i, &made);
    made.run = action;
    *op = made;
}
