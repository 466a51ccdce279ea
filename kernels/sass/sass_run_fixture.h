/*
 * sass_run_fixture.h: for tests: machine code that was written by hand, as a program.
 */
#ifndef NANOLAB_KERNELS_SASS_SASS_RUN_FIXTURE_H
#define NANOLAB_KERNELS_SASS_SASS_RUN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/sass/sass.h"
#include "kernels/sass/sass_read.h"

#define SASS_TEST_LINES 128
static unsigned sass_test_arch = 80;
static uint32_t sass_test_shared = 4096, sass_test_local = 64;

/* A line: "IADD3 R1, R2, 0x5, RZ"; @7 in it is the instruction with the index 7. A float's bits
 * stand behind it, as its encoding would have them: "FADD R1, R2, 1 # 3f800000". */
static inline int sass_test_line(struct sass_instruction *out, const char *line, size_t count,
                                 char *room, size_t size) {
    char why[SASS_WHY];
    const char *bits = strchr(line, '#');
    size_t length = 0;
    for (const char *c = line; *c && *c != '#' && length + 24 < size; c++) {
        if (*c == '@' && c[1] >= '0' && c[1] <= '9') {
            char *end;
            long index = strtol(c + 1, &end, 10);
            length += (size_t)snprintf(room + length, size - length, "0x%llx",
                                       (unsigned long long)(SASS_ORIGIN + SASS_STEP * index));
            c = end - 1;
        } else {
            room[length++] = *c;
        }
    }
    while (length && room[length - 1] == ' ')
        length--;
    room[length] = '\0';
    if (bits)
        out->code[0] = strtoull(bits + 1, NULL, 16) << 32;
    return sass_text(out, room, 0, count, why) == 0 ? 0 : device_fail("%s: %s", line, why);
}

/* Runs lines of text, of which c[0x0][0x160] is `memory`; 0 or -1 with device_error(). */
static inline int sass_test_run(const char *text, uint32_t blocks, uint32_t threads, void *memory) {
    static struct sass_instruction instructions[SASS_TEST_LINES];
    static char rooms[SASS_TEST_LINES][120];
    static const uint8_t bank[0x230];
    size_t count = 0, at = 0;
    uint32_t first = sass_test_arch >= 90 ? 0x210 : 0x160;
    struct sass_param param = {0, sizeof memory};
    for (const char *c = text; *c; c++)
        count += *c == '\n';
    memset(instructions, 0, sizeof instructions);
    while (*text && at < SASS_TEST_LINES) {
        char line[120];
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        text += length + (text[length] == '\n');
        if (sass_test_line(&instructions[at], line, count, rooms[at], sizeof rooms[at]) != 0)
            return -1;
        at++;
    }
    struct sass_program program = {.name = "k",
                                   .plain = "k",
                                   .arch = sass_test_arch,
                                   .instructions = instructions,
                                   .count = at,
                                   .registers = 64,
                                   .barriers = 16,
                                   .shared_bytes = sass_test_shared,
                                   .local_bytes = sass_test_local,
                                   .params_offset = first,
                                   .params_bytes = sizeof memory,
                                   .params = &param,
                                   .param_count = 1,
                                   .banks = {[0] = {bank, first + sizeof memory}}};
    void *arguments[] = {&memory};
    struct ptx_launch launch = {
        .grid = {blocks, 1, 1}, .block = {threads, 1, 1}, .arguments = arguments};
    return sass_launch(&program, &launch);
}

#endif
