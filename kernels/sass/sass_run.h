/*
 * sass_run.h: what the parts of the executor of machine code share.
 *
 * A warp's registers are rows of 32 words, one a lane, and so are uniform registers: an instruction
 * is done for whole rows, and only the lanes for which it is meant keep what came of it. A
 * predicate is a word with a bit a lane. A warp's lanes are in groups: those of a group are at the
 * same instruction and go on together; a group waits where its lanes are to meet others.
 */
#ifndef NANOLAB_KERNELS_SASS_SASS_RUN_H
#define NANOLAB_KERNELS_SASS_SASS_RUN_H

#include <setjmp.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx_inside.h"
#include "kernels/sass/sass.h"
/* Behind ptx_c.h, of which they are parts. */
#include "kernels/ptx/ptx_float.h"
/* ... and behind that */
#include "kernels/ptx/ptx_atomic.h"

#define SASS_LANES 32
#define SASS_ALL 0xffffffffu
#define SASS_LANE(l) for (unsigned l = 0; l < SASS_LANES; l++)
/* Of the lanes in a mask, each. */
#define SASS_EACH(l, mask)                                                                         \
    for (uint32_t left_##l = (mask), l = 0;                                                        \
         left_##l && (l = (uint32_t)__builtin_ctz(left_##l), 1); left_##l &= left_##l - 1)

/* --- decoded instructions ------------------------------------------------------------------------
 */

/* Rows of a warp: R0 … R254, zeros, UR0 …, and where what is written to RZ goes. There is room
 * behind each, as a result may be of four rows. */
enum {
    SASS_ROW_ZERO = 260,
    SASS_ROW_UNIFORM = 264,
    SASS_ROW_SINK = 524,
    SASS_ROWS = 528,
};
/* Predicates of a warp: P0 … P6, PT, UP0 … UP6, UPT, and what nobody reads. */
enum { SASS_P_TRUE = 7, SASS_P_UNIFORM = 8, SASS_P_SINK = 16, SASS_PREDICATES = 17 };

struct sass_source {
    const uint32_t *fixed; /* a row of constants, and one for upper words; NULL: the warp's rows */
    uint16_t row, upper;   /* `upper`: the row of a pair's upper words */
    uint8_t half;          /* enum sass_half */
    uint8_t kind;          /* enum sass_kind */
    bool negative, inverted, absolute;
};
struct sass_condition {
    uint8_t row;
    bool inverted;
};

enum {
    SASS_SOURCES = 4,
    SASS_TARGETS = 2,
    SASS_CONDITIONS = 3,
};

/* What a matrix instruction multiplies: formats of its elements, length of K. */
struct sass_matrix {
    uint8_t in, out; /* enum element; not of bytes, whose sums are of 32 bits */
    uint8_t k;
    bool is_signed[2]; /* bytes of A, of B */
};
struct mma_rule;

struct sass_warp;
struct sass_code;
/* Does an instruction for the lanes in `mask`. */
typedef void sass_action(struct sass_warp *w, const struct sass_code *op, uint32_t mask);

/* Where somebody else may run: after what. */
enum sass_point { SASS_NO_POINT, SASS_LOADED, SASS_STORED, SASS_UPDATED, SASS_YIELDED };

struct sass_code {
    sass_action *run; /* NULL: not decoded yet */
    const struct sass_instruction *text;
    uint8_t guard; /* row of predicates */
    bool guard_inverted;
    bool flow;     /* changes who goes on: runs even for no lane */
    uint8_t point; /* enum sass_point */
    uint8_t source_count, target_count, condition_count;
    uint8_t width; /* bytes, of an access */
    uint8_t mode, rounding, join;
    bool sign, extended, flush;
    uint8_t pairs;                /* a bit a source: it has two words */
    uint16_t to;                  /* row of the result */
    uint8_t target[SASS_TARGETS]; /* predicates that it writes */
    struct sass_source source[SASS_SOURCES];
    struct sass_condition condition[SASS_CONDITIONS];
    struct sass_operand memory; /* of an access */
    struct sass_operand place;  /* in shared memory, of a copy to there */
    const struct sass_matrix *matrix;
    const struct mma_rule *rule; /* of the matrix unit */
    uint32_t number[2];          /* immediates that are no source: tables, masks, labels */
};

/* --- a launch ------------------------------------------------------------------------------------
 */

enum sass_state { SASS_READY, SASS_AT_SYNC, SASS_AT_WARPSYNC, SASS_AT_BARRIER };

struct sass_group {
    uint32_t mask; /* 0: there is none */
    uint32_t at;   /* index of the instruction that comes */
    enum sass_state state;
    uint32_t need; /* lanes that are waited for, or the number of a barrier */
};

struct sass_block;

struct sass_warp {
    uint32_t r[SASS_ROWS][SASS_LANES];
    uint32_t p[SASS_PREDICATES];
    uint32_t meet[16][SASS_LANES]; /* B0 …: masks of lanes, each lane's own */
    struct sass_group group[SASS_LANES];
    struct sass_group *now; /* that goes on */
    uint32_t alive;
    uint32_t barrier_result; /* of BAR.RED, a bit a lane */
    unsigned number;         /* in its block */
    bool queued;
    uint64_t rank;      /* where the order is unfair */
    bool looked, polls; /* there: it has loaded since somebody wrote, and again */
    struct sass_block *block;
    uint32_t *local; /* rows of words, as registers are */
    /* To shared memory, that are under way, and how many groups of them each lane has closed. */
    struct sass_copy *copies;
    size_t copy_count, copy_room;
    uint32_t copy_groups[SASS_LANES];
};

struct sass_block {
    struct sass_warp *warps;
    unsigned warp_count, threads, alive;
    uint32_t index[3];
    uint8_t *shared;
    struct {
        unsigned arrived, set;
        unsigned mode;
    } barrier[PTX_BARRIERS];
};

struct sass_run {
    const struct sass_program *program;
    const struct ptx_launch *launch;
    struct ptx_config config;
    struct sass_code *ops;            /* one an instruction */
    struct sass_instruction *changed; /* a copy that was changed */
    const struct ptx_memory *memory;
    uint8_t *bank; /* constant bank 0 */
    size_t bank_size;
    struct sass_row *rows;             /* constants */
    uint32_t shared_first, shared_end; /* addresses of shared memory */
    uint32_t local_bytes;              /* a lane's */
    struct sass_block **blocks;
    size_t block_count;
    struct sass_block *idle;  /* one that has ended, for the next */
    struct sass_warp **ready; /* a ring of `ring` places */
    size_t ring, first, count;
    uint64_t random, clock, polls, atomics, steps;
    const struct sass_code *op; /* that runs */
    jmp_buf failed;
    char why[PTX_WHY];
};

extern struct sass_counts sass_counted;
extern _Thread_local struct sass_run *sass_running;

/* Generic addresses of windows: their upper words. Global memory's are the host's, below 2^47. */
#define SASS_SHARED_WINDOW 0x00020000u
#define SASS_LOCAL_WINDOW 0x00040000u
#define SASS_BANK_WINDOW 0x00060000u /* constant bank 0, of which parameters are read by address   \
                                      */

/* Ends the launch with a reason, to which kernel, address, text, block and lane are added. `lane`:
 * -1 for none. Does not return. */
void sass_fail(const struct sass_warp *w, int lane, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
/* The instruction is not among what is run. */
void sass_refuse(const struct sass_warp *w, const struct sass_instruction *i, const char *why)
    __attribute__((noreturn));
void sass_decode(struct sass_run *run, const struct sass_warp *w, struct sass_code *op);
/* Moves what MUFU guesses by so many last places, for tests: results must not depend on it. */
void sass_guess(int off);
/* For tests of the tests: may change instructions of a kernel that is about to run; NULL: none is.
 */
typedef void sass_changer(const struct sass_program *program, struct sass_instruction *code);
void sass_change(sass_changer *change);
void sass_constants_free(struct sass_row *row);
/* Two rows: a constant's lower and upper words. */
const uint32_t *sass_constant(struct sass_run *run, const struct sass_warp *w, uint64_t value);
/* Bytes of a constant bank as a number, zeros above them. */
uint64_t sass_bank(struct sass_run *run, const struct sass_warp *w, unsigned bank, int64_t at,
                   unsigned bytes);
/* A choice of `count`: that of the record that is followed, of chance, or `by_order`. */
size_t sass_choose(struct sass_run *run, size_t by_order, size_t count);
/* It can go on: has its turn, if it waits for none yet. */
void sass_wake(struct sass_run *run, struct sass_warp *w);

/* The actions by opcode, each file's own. NULL: none for this instruction. */
sass_action *sass_integer_action(const struct sass_instruction *i, struct sass_code *op);
sass_action *sass_float_action(const struct sass_instruction *i, struct sass_code *op);
sass_action *sass_half_action(const struct sass_instruction *i, struct sass_code *op);
sass_action *sass_move_action(const struct sass_instruction *i, struct sass_code *op);
sass_action *sass_memory_action(const struct sass_instruction *i, struct sass_code *op);
sass_action *sass_atomic_action(const struct sass_instruction *i, struct sass_code *op);
sass_action *sass_flow_action(const struct sass_instruction *i, struct sass_code *op);
sass_action *sass_matrix_action(const struct sass_instruction *i, struct sass_code *op);
sass_action *sass_copy_action(const struct sass_instruction *i, struct sass_code *op);

/* Copies of these lanes that are under way arrive (sass_run_copy.c), but for those of each lane's
 * last `groups`; SASS_COPIES_ALL: all, those that no group was closed behind among them. */
#define SASS_COPIES_ALL (-1)
void sass_copies_arrive(struct sass_warp *w, uint32_t mask, int64_t groups);

/* Where in memory `bytes` are, for an access of a lane. */
enum sass_space { SASS_GENERIC, SASS_SHARED, SASS_LOCAL /* not for sass_place() */ };
/* Of each lane; `extended`: 64 bits. */
void sass_addresses(const struct sass_warp *w, const struct sass_operand *memory, bool extended,
                    uint64_t at[restrict SASS_LANES]);
/* Not more than 4 bytes of local memory: its words lie apart. */
uint8_t *sass_place(struct sass_warp *w, unsigned lane, enum sass_space space, uint64_t address,
                    unsigned bytes);

/* --- rows ----------------------------------------------------------------------------------------
 */

static inline const uint32_t *sass_plain(const struct sass_warp *w, const struct sass_source *s) {
    return s->fixed ? s->fixed : w->r[s->row];
}

static inline const uint32_t *sass_plain_upper(const struct sass_warp *w,
                                               const struct sass_source *s) {
    return s->fixed ? s->fixed + SASS_LANES : w->r[s->upper];
}

/* An integer source with its sign; `room` is a row of the caller's. */
static inline const uint32_t *sass_integer(const struct sass_warp *w, const struct sass_source *s,
                                           uint32_t *restrict room) {
    const uint32_t *from = sass_plain(w, s);
    if (!s->negative && !s->inverted)
        return from;
    uint32_t add = s->negative;
    SASS_LANE(l)
    room[l] = ~from[l] + add;
    return room;
}

static inline const uint32_t *sass_signed_float(const uint32_t *from, const struct sass_source *s,
                                                uint32_t *restrict room) {
    if (!s->negative && !s->absolute)
        return from;
    uint32_t keep = s->absolute ? 0x7fffffffu : SASS_ALL, flip = s->negative ? 0x80000000u : 0;
    SASS_LANE(l)
    room[l] = (from[l] & keep) ^ flip;
    return room;
}

/* The same of a float. */
static inline const uint32_t *sass_float(const struct sass_warp *w, const struct sass_source *s,
                                         uint32_t *restrict room) {
    return sass_signed_float(sass_plain(w, s), s, room);
}

/* The upper words of a double, with its sign. */
static inline const uint32_t *sass_double(const struct sass_warp *w, const struct sass_source *s,
                                          uint32_t *restrict room) {
    return sass_signed_float(sass_plain_upper(w, s), s, room);
}

static inline uint64_t sass_two(uint32_t low, uint32_t high) {
    return (uint64_t)high << 32 | low;
}

/* Lanes of `mask` keep what is in a row. */
static inline void sass_keep(uint32_t *restrict to, const uint32_t *restrict from, uint32_t mask) {
    if (mask == SASS_ALL) {
        memcpy(to, from, SASS_LANES * sizeof *to);
        return;
    }
    SASS_EACH(l, mask)
    to[l] = from[l];
}

static inline void sass_put(struct sass_warp *w, unsigned row, const uint32_t *restrict from,
                            uint32_t mask) {
    sass_keep(w->r[row], from, mask);
}

static inline uint32_t sass_condition(const struct sass_warp *w, const struct sass_condition *c) {
    return w->p[c->row] ^ (c->inverted ? SASS_ALL : 0);
}

static inline void sass_put_p(struct sass_warp *w, unsigned row, uint32_t value, uint32_t mask) {
    w->p[row] = (w->p[row] & ~mask) | (value & mask);
}

/* How SETP joins what it compares with a predicate. */
enum { SASS_JOIN_AND, SASS_JOIN_OR, SASS_JOIN_XOR };
static inline uint8_t sass_join_of(const struct sass_instruction *i) {
    return sass_has(i, SASS_MOD_OR)    ? SASS_JOIN_OR
           : sass_has(i, SASS_MOD_XOR) ? SASS_JOIN_XOR
                                       : SASS_JOIN_AND;
}
static inline uint32_t sass_joined(uint8_t join, uint32_t a, uint32_t b) {
    return join == SASS_JOIN_OR ? a | b : join == SASS_JOIN_XOR ? a ^ b : a & b;
}

/* Lane l's bit. */
extern const uint32_t sass_bit[SASS_LANES];
/* Bits of which the lane's is set where `what` is true. */
#define SASS_BITS(l, what)                                                                         \
    ({                                                                                             \
        uint32_t bits_ = 0;                                                                        \
        SASS_LANE(l)                                                                               \
        bits_ |= (what) ? sass_bit[l] : 0;                                                         \
        bits_;                                                                                     \
    })

#endif
