/*
 * blocks.c: an allocator beside a count of holders; the map of a batch after a long life; and a
 * pool so large that a search of all of it at each take would never end.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { STEPS = 1 << 21, PAGE = 64 /* blocks in 2 MiB */ };

/* A life: what is done one after another. A take leaves a block; `of` is a block, or, of the other
 * kind, the step whose block is meant. */
enum { TAKE, HOLD, RELEASE, RELEASE_OF };
struct step {
    uint32_t what : 2, of : 30;
};
struct task {
    uint32_t count, steps;
    struct step step[STEPS];
};
/* What each step gave. */
struct life {
    int32_t gave[STEPS];
};
static const uint32_t none = (1u << 30) - 1; /* no block's number: -1 is asked for */

#ifdef EXERCISE_ANSWERS

static void answer(const void *in, void *out) {
    const struct task *t = in;
    struct life *life = out;
    struct blocks *blocks = blocks_new(t->count);
    for (uint32_t k = 0; k < t->steps; k++) {
        const struct step *s = &t->step[k];
        int id = s->of == none ? -1 : (int)s->of;
        if (!blocks)
            life->gave[k] = -2;
        else if (s->what == TAKE)
            life->gave[k] = blocks_take(blocks);
        else if (s->what == HOLD)
            life->gave[k] = blocks_hold(blocks, id);
        else if (s->what == RELEASE)
            life->gave[k] = blocks_release(blocks, id);
        else
            life->gave[k] = blocks_release(blocks, life->gave[s->of]);
    }
    if (blocks)
        blocks_delete(blocks);
}

#else

static struct task t;
static struct life life;

static uint32_t add(uint32_t what, uint32_t of) {
    t.step[t.steps] = (struct step){what, of};
    return t.steps++;
}

static int live(struct exercise *e) {
    size_t before = offsetof(struct task, step);
    if (ask(e, &t, before + t.steps * sizeof *t.step, &life, t.steps * sizeof *life.gave) != 0)
        return 1;
    return life.gave[0] == -2 ? not_yet(e, "blocks_new(%u) gives NULL.", t.count) : 0;
}

/* Follows the life with a count of holders. */
static int follow(struct exercise *e) {
    unsigned *holders = calloc(t.count, sizeof *holders), held = 0;
    int status = 0;
    for (uint32_t k = 0; k < t.steps && status == 0; k++) {
        const struct step *s = &t.step[k];
        int gave = life.gave[k];
        if (s->what == TAKE) {
            if (held == t.count ? gave != -1 : gave < 0)
                status = not_yet(e, "%u of %u blocks are held, and a take gives %d.", held, t.count,
                                 gave);
            else if (gave >= (int)t.count)
                status = not_yet(e, "With a pool of %u, a take gives block %d.", t.count, gave);
            else if (gave >= 0 && holders[gave])
                status = not_yet(e, "Block %d has %u holder%s, and a take gives it away.", gave,
                                 holders[gave], holders[gave] == 1 ? "" : "s");
            else if (gave >= 0)
                holders[gave] = 1, held++;
            continue;
        }
        uint32_t id = s->what == RELEASE_OF ? (uint32_t)life.gave[s->of] : s->of;
        bool good = id < t.count && holders[id] > 0;
        const char *what = s->what == HOLD ? "hold" : "release";
        if (gave != (good ? 0 : -1) && id < t.count)
            status = not_yet(e, "A %s of a block with %u holder%s gives %d.", what, holders[id],
                             holders[id] == 1 ? "" : "s", gave);
        else if (gave != (good ? 0 : -1))
            status = not_yet(e, "With a pool of %u, a %s of block %d gives %d.", t.count, what,
                             id == none ? -1 : (int)id, gave);
        else if (good && s->what == HOLD)
            holders[id]++;
        else if (good && --holders[id] == 0)
            held--;
    }
    free(holders);
    return status;
}

/* Anything at any time. */
static int check_counts(struct exercise *e, uint32_t count) {
    t.count = count;
    t.steps = 0;
    for (int turn = 0; turn < 50000; turn++) {
        unsigned what = random_below(e, 5);
        add(what < 2 ? TAKE : what == 2 ? HOLD : RELEASE, random_below(e, count));
    }
    add(RELEASE, none);
    add(RELEASE, count);
    add(HOLD, none);
    add(HOLD, count);
    return live(e) != 0 ? 1 : follow(e);
}

/* The life of one block, whose number can but be 0: it is held `more` times, and released as often;
 * and then what must be refused. */
static int check_one(struct exercise *e, int more) {
    t.count = 1;
    t.steps = 0;
    add(TAKE, 0);
    for (int k = 0; k < more; k++)
        add(HOLD, 0);
    for (int k = 0; k < more; k++)
        add(RELEASE, 0);
    add(TAKE, 0);
    add(RELEASE, 0);
    add(RELEASE, 0);
    add(HOLD, 0);
    add(TAKE, 0);
    add(TAKE, 0);
    return live(e) != 0 ? 1 : follow(e);
}

enum { REQUESTS = 96, BATCH = 16 * 64 };

/* Requests of 20 to 100 blocks grow together and leave in no order; then all but a few leave, and
 * one batch of 16 × 64 blocks comes. */
static int check_map(struct exercise *e, uint32_t count) {
    static uint32_t rows[REQUESTS][128];
    unsigned length[REQUESTS] = {0}, most[REQUESTS], pages = 0;
    bool page[1 << 14] = {false};
    t.count = count;
    t.steps = 0;
    for (unsigned r = 0; r < REQUESTS; r++)
        most[r] = 20 + random_below(e, 81);
    for (int turn = 0; turn < 20000; turn++) {
        unsigned r = random_below(e, REQUESTS);
        if (length[r] < most[r]) {
            rows[r][length[r]++] = add(TAKE, 0);
        } else {
            while (length[r])
                add(RELEASE_OF, rows[r][--length[r]]);
            most[r] = 20 + random_below(e, 81);
        }
    }
    for (unsigned r = 4; r < REQUESTS; r++)
        while (length[r])
            add(RELEASE_OF, rows[r][--length[r]]);
    for (unsigned k = 0; k < BATCH; k++)
        add(TAKE, 0);
    if (live(e) != 0 || follow(e) != 0)
        return 1;
    for (unsigned k = 0; k < BATCH; k++) {
        bool *touched = &page[life.gave[t.steps - BATCH + k] / PAGE];
        pages += !*touched;
        *touched = true;
    }
    if (pages * 4 > BATCH / PAGE * 5)
        return not_yet(e,
                       "After a long life of %u requests, a batch of %d blocks lies in %u pages of "
                       "%d blocks; %d would hold it.",
                       REQUESTS, BATCH, pages, PAGE, BATCH / PAGE);
    return 0;
}

/* A large pool is taken whole, and then many of its blocks go and come: a search of the whole pool
 * each time would take minutes, and the time limit ends it. */
static int check_speed(struct exercise *e) {
    uint32_t count = t.count = 1u << 20, many = 1u << 17;
    t.steps = 0;
    for (uint32_t k = 0; k < count; k++)
        add(TAKE, 0);
    for (uint32_t k = 0; k < many; k++)
        add(RELEASE_OF, (uint32_t)(k * 9973ull % count));
    for (uint32_t k = 0; k < many; k++)
        add(TAKE, 0);
    return live(e) != 0 ? 1 : follow(e);
}

static int check(struct exercise *e) {
    static const uint32_t sizes[] = {1, 2, 63, 64, 65, 1000};
    if (check_one(e, 0) != 0 || check_one(e, 1) != 0)
        return 1;
    if (check_one(e, 70000) != 0) /* more holders than 8 or 16 bits can count */
        return 1;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        if (check_counts(e, sizes[k]) != 0)
            return 1;
    for (int turn = 0; turn < 5; turn++)
        if (check_map(e, 10000) != 0)
            return 1;
    return check_speed(e);
}

#endif
