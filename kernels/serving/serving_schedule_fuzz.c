/*
 * serving_schedule_fuzz.c: a libFuzzer target over recorded schedules. What is read comes back when
 * it is written; replayed, it is refused with a reason or runs to its end, and then records itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/serving/serving_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

static char *text_of(const struct serving_schedule *schedule, size_t *size) {
    char *text = NULL;
    FILE *file = open_memstream(&text, size);
    demand(file && serving_schedule_write(schedule, file) == 0, "it can be written");
    fclose(file);
    return text;
}

static void record(void *self, const struct serving_step_record *step) {
    demand(serving_schedule_add(self, step) == 0, "a step can be recorded");
}

static void replay(const struct serving_options *options, const struct serving_schedule *schedule,
                   const char *text, size_t size) {
    struct serving_schedule *again = serving_schedule_new(&options->trace);
    const struct serving_observer observer = {.self = again, .step = record};
    struct serving_cost cost = serving_cost_default();
    struct serving_loop *loop;
    char why[SERVING_WHY] = "";
    demand(serving_replay(&loop, options, NULL, &observer, schedule, why) == 0, "it is replayed");
    int more = serving_run(loop, UINT64_MAX, serving_cost_driver, &cost, why);
    demand(more <= 0 && (more == 0) == (*why == 0), "it ends, or says why not");
    if (more == 0) {
        size_t size_again = 0;
        char *text_again = text_of(again, &size_again);
        demand(size_again == size && memcmp(text, text_again, size) == 0, "it records itself");
        free(text_again);
    }
    serving_close(loop);
    serving_schedule_free(again);
}

/* The line of the trace is put in front, so that mutations get past it: an input is the steps. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct serving_options options = {
        .trace = {.seed = 1, .prompt_mean = 10, .output_mean = 6, .length_most = 16},
        .contract = {.top_p = 1},
        .arrivals = SERVING_CONSTANT,
        .arrival_mean_ns = 1000,
        .arrival_group = 4,
        .requests = 1000,
        .queue_most = 8,
        .slots = 60,
        .batcher = SERVING_BUDGET_ONLY,
    };
    struct serving_schedule *schedule = serving_schedule_new(&options.trace);
    size_t head = 0, written = 0;
    char why[SERVING_WHY] = "", *text = text_of(schedule, &head);
    serving_schedule_free(schedule);
    char *whole = malloc(head + size);
    demand(whole != NULL, "there is memory");
    memcpy(whole, text, head);
    memcpy(whole + head, data, size);
    free(text);
    if (serving_schedule_parse(&schedule, whole, head + size, why) != 0) {
        for (const char *c = why; *c; c++)
            demand(*c >= ' ' && *c <= '~', "a reason is one line of printable ASCII");
        demand(*why && !schedule, "a refusal has its reason and leaves nothing");
    } else {
        text = text_of(schedule, &written);
        demand(written == head + size && memcmp(text, whole, written) == 0,
               "what is written is what was read");
        replay(&options, schedule, text, written);
        free(text);
        serving_schedule_free(schedule);
    }
    free(whole);
    return 0;
}
