/*
 * blocks.c: an allocator beside a count of holders; the map of a batch after a long life; and a
 * pool so large that a search of all of it at each take would never end.
 */
#include "exercise.h"
#include "harness/lab/exercise.h"

enum { STEPS = (1 << 22) - 2, PAGE = 64 /* blocks in 2 MiB */ };

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
    return life.gave[0] == -2 ? not_yet(e, "it found no memory") : 0;
}

/* Follows the life with a count of holders. */
static int follow(struct exercise *e) {
    unsigned *holders = calloc(t.count, sizeof *holders), held = 0;
    int status = 0;
    for (uint32_t k = 0; k < t.steps && status == 0; k++) {
        const struct step *s = &t.step[k];
        int gave = life.gave[k];
        if (s->what == TAKE) {
            if ((gave < 0) != (held == t.count))
                status =
                    not_yet(e, "%u of %u blocks were held, and take gave %d", held, t.count, gave);
            else if (gave >= (int)t.count || (gave >= 0 && holders[gave]))
                status =
                    not_yet(e, "take gave block %d, which somebody holds or does not exist", gave);
            else if (gave >= 0)
                holders[gave] = 1, held++;
            continue;
        }
        uint32_t id = s->what == RELEASE_OF ? (uint32_t)life.gave[s->of] : s->of;
        bool good = id < t.count && holders[id] > 0;
        if (gave != (good ? 0 : -1))
            status = id < t.count ? not_yet(e, "%s of a block with %u holders gave %d",
                                            s->what == HOLD ? "hold" : "release", holders[id], gave)
                                  : not_yet(e, "a block that does not exist was held or released");
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
    for (int turn = 0; turn < 200000; turn++) {
        unsigned what = random_below(e, 5);
        add(what < 2 ? TAKE : what == 2 ? HOLD : RELEASE, random_below(e, count));
    }
    add(RELEASE, none);
    add(RELEASE, count);
    add(HOLD, none);
    add(HOLD, count);
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
        return not_yet(e, "a batch of %d blocks touches %u pages of 2 MiB; %u would hold it", BATCH,
                       pages, BATCH / PAGE);
    return 0;
}

/* Three million takes and releases in a large pool: a search of the whole pool each time would take
 * hours, and the time limit ends it. */
static int check_speed(struct exercise *e) {
    uint32_t count = t.count = 1u << 20;
    t.steps = 0;
    for (uint32_t k = 0; k < count; k++)
        add(TAKE, 0);
    for (uint32_t k = 0; k < count; k++)
        add(RELEASE_OF, (uint32_t)(k * 9973ull % count));
    for (uint32_t k = 0; k < count; k++)
        add(TAKE, 0);
    return live(e) != 0 ? 1 : follow(e);
}

static int check(struct exercise *e) {
    static const uint32_t sizes[] = {1, 2, 63, 64, 65, 1000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        if (check_counts(e, sizes[k]) != 0)
            return 1;
    for (int turn = 0; turn < 5; turn++)
        if (check_map(e, 10000) != 0)
            return 1;
    return check_speed(e);
}

#endif
