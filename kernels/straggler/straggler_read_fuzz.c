/*
 * straggler_read_fuzz.c: a libFuzzer target over everything that reads a log of others. What is
 * read is judged by all rules, and must hold together.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/straggler/straggler_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

static void judge(const struct straggler_log *log) {
    struct straggler_verdict v;
    if (straggler_verdict_open(&v, log->ranks) != 0)
        return;
    for (int k = 0; k < STRAGGLER_RULES; k++) {
        if (straggler_rules[k].judge(log, 0, log->steps, &v) != 0)
            break;
        unsigned named = 0;
        for (unsigned r = 0; r < log->ranks; r++)
            named += v.named[r];
        demand(named == v.count, "count is of those that are named");
        demand(!v.cannot_tell || v.count == 0, "who cannot tell names nobody");
    }
    straggler_verdict_close(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[STRAGGLER_WHY] = "";
    struct straggler_read *logs;
    size_t count;
    struct straggler_reader *reader = straggler_reader_open();
    if (!reader)
        return 0;
    int status = straggler_reader_add(reader, (const char *)data, size, why);
    if (status == 0)
        status = straggler_reader_end(reader, &logs, &count, why);
    demand(status == 0 || why[0], "what is wrong is said");
    for (const char *at = why; *at; at++)
        demand(isprint((unsigned char)*at), "what is said is harmless");
    for (size_t k = 0; status == 0 && k < count; k++)
        judge(&logs[k].log);
    straggler_reader_close(reader);
    return 0;
}
