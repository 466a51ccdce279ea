/*
 * sass_control_fixture.h: for tests of tests: one instruction of the kernels that run is changed,
 * at one place after another, which a test must notice.
 */
#ifndef NANOLAB_KERNELS_SASS_SASS_CONTROL_FIXTURE_H
#define NANOLAB_KERNELS_SASS_SASS_CONTROL_FIXTURE_H

#include "kernels/device/device_fixture.h"
#include "kernels/sass/sass_run.h"

/* Places of a kernel that are tried at most. */
#define SASS_PLACES 40

struct sass_control {
    const char *what; /* "a barrier left out" */
    bool (*fits)(const struct sass_instruction *i);
    void (*change)(struct sass_instruction *i);
    unsigned schedules; /* that are tried at each place until one notices; 0: the default alone */
    /* Where to look: kernels whose names have this in them; NULL: all. */
    const char *kernel;
};

static const struct sass_control *sass_controlled;
static unsigned sass_control_place;
static bool sass_control_changed;

static inline void sass_control_one(const struct sass_program *program,
                                    struct sass_instruction *code) {
    const struct sass_control *c = sass_controlled;
    unsigned k = 0;
    if (c->kernel && !strstr(program->name, c->kernel))
        return;
    for (size_t n = 0; n < program->count; n++)
        if (c->fits(&code[n]) && k++ == sass_control_place) {
            c->change(&code[n]);
            sass_control_changed = true;
            return;
        }
}

/* Tries each place; `noticed` runs what is to notice. How many places did not; which, in `missed`.
 * It fails where none did. */
static inline unsigned sass_control(struct device *device, const struct sass_control *control,
                                    bool (*noticed)(struct device *device, const void *context),
                                    const void *context, bool missed[SASS_PLACES]) {
    unsigned caught = 0, places = 0, by[64] = {0};
    sass_controlled = control;
    for (sass_control_place = 0; sass_control_place < SASS_PLACES; sass_control_place++) {
        bool yes = false;
        sass_control_changed = false;
        for (unsigned k = 0; k == 0 || (k < control->schedules && sass_control_changed && !yes);
             k++) {
            if (control->schedules)
                device_schedule(k);
            sass_change(sass_control_one);
            yes = noticed(device, context);
            sass_change(NULL);
            by[k] += yes;
        }
        if (!sass_control_changed)
            break;
        missed[places++] = !yes;
        caught += yes;
    }
    ptx_configure(NULL);
    print_message("%s, %s: noticed at %u of %u places", device_id(device), control->what, caught,
                  places);
    for (unsigned k = 0; k < control->schedules; k++)
        if (by[k])
            print_message("; %u of them first under schedule %u", by[k], k);
    print_message("\n");
    if (caught == 0)
        fail_msg("%s: not noticed", control->what);
    return places - caught;
}

/* An instruction that does nothing. */
static inline void sass_control_leave_out(struct sass_instruction *i) {
    i->op = SASS_OP_NOP;
    i->modifier_count = i->operand_count = 0;
}
static inline bool sass_control_barrier(const struct sass_instruction *i) {
    return i->op == SASS_OP_BAR;
}

#endif
