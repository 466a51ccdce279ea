/*
 * options.c: reads command lines (options.h).
 */
#include "harness/cli/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/text.h"

static _Thread_local char error_text[600];

const char *options_error(void) {
    return error_text;
}

int options_fail(const struct options *options, const char *format, ...) {
    int used = snprintf(error_text, sizeof error_text, "%s: ", options->program);
    va_list args;
    va_start(args, format);
    vsnprintf(error_text + used, sizeof error_text - (size_t)used, format, args);
    va_end(args);
    text_flatten(error_text); /* whatever bytes the command line had in it */
    return -1;
}

int options_report(void) {
    fprintf(stderr, "%s\n", error_text);
    return EXIT_USAGE;
}

int options_end(const char *program, int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "%s: standard output cannot be written; check where it goes\n", program);
    return status == EXIT_DONE ? EXIT_USAGE : status;
}

/* Edits between two words (insert, delete, replace, swap neighbours); long words are cut. */
static size_t distance(const char *a, const char *b) {
    enum { MAX = 40 };
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX || m > MAX)
        return MAX;
    size_t row[3][MAX + 1];
    for (size_t j = 0; j <= m; j++)
        row[1][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *before = row[(i + 2) % 3], *above = row[i % 3], *here = row[(i + 1) % 3];
        here[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (here[j - 1] + 1 < best)
                best = here[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            here[j] = best;
        }
    }
    return row[(n + 1) % 3][m];
}

const char *options_nearest(const char *text, const char *const *candidates, size_t count) {
    const char *best = NULL;
    /* Three edits in a long word are a slip; in a short one they are another word. */
    size_t limit = strlen(text) / 3 + 1, least = limit < 3 ? limit + 1 : 4;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(text, candidates[i]);
        if (d < least && d < strlen(candidates[i])) {
            least = d;
            best = candidates[i];
        }
    }
    /* "float" for "float-staging". */
    for (size_t i = 0; i < count && !best && strlen(text) >= 3; i++)
        if (strstr(candidates[i], text))
            best = candidates[i];
    return best;
}

int options_number(const char *text, uint64_t *value) {
    int base = 10;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    /* strtoull would take blanks and a sign. */
    const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
    if (text[0] == '\0' || strspn(text, digits) != strlen(text))
        return -1;
    errno = 0;
    unsigned long long parsed = strtoull(text, NULL, base);
    if (errno == ERANGE || parsed > UINT64_MAX)
        return -1;
    *value = parsed;
    return 0;
}

static int unknown_option(const struct options *options, const char *name) {
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < options->spec_count && count < 64; i++)
        if (options->specs[i].help)
            names[count++] = options->specs[i].name;
    const char *near = options_nearest(name, names, count);
    if (near)
        return options_fail(options, "unknown option %s; did you mean %s?", name, near);
    return options_fail(options, "unknown option %s; see %s", name, options->help_command);
}

static int take_value(const struct options *options, const struct option_spec *spec,
                      const char *value) {
    if (value[0] == '\0')
        return options_fail(options, "%s has an empty value; give %s %s", spec->name, spec->name,
                            spec->value);
    if (spec->kind == OPTION_TEXT) {
        *(const char **)spec->target = value;
        return 0;
    }
    if (options_number(value, spec->target) != 0)
        return options_fail(options,
                            "%s needs a whole number from 0 to 2^64-1, not \"%s\"; for example "
                            "%s 42",
                            spec->name, value, spec->name);
    return 0;
}

int options_parse(struct options *options, int argc, char *const *argv) {
    bool seen[64] = {false}, only_positional = false;
    options->positional_count = 0;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (!only_positional && strcmp(arg, "--") == 0) {
            only_positional = true;
            continue;
        }
        if (only_positional || arg[0] != '-' || strcmp(arg, "-") == 0) {
            if (arg[0] == '\0')
                return options_fail(options, "argument %d is empty; leave it out or see %s", i,
                                    options->help_command);
            if (!options->positional)
                return options_fail(options, "unexpected argument \"%s\"; see %s", arg,
                                    options->help_command);
            options->positional[options->positional_count++] = arg;
            continue;
        }
        if (strcmp(arg, "-h") == 0)
            arg = "--help";
        const char *equals = strchr(arg, '=');
        size_t length = equals ? (size_t)(equals - arg) : strlen(arg);
        const struct option_spec *spec = NULL;
        size_t k = 0;
        for (; k < options->spec_count && !spec; k++)
            if (strlen(options->specs[k].name) == length &&
                strncmp(options->specs[k].name, arg, length) == 0)
                spec = &options->specs[k];
        if (!spec) {
            char name[100];
            snprintf(name, sizeof name, "%.*s", (int)(length < 90 ? length : 90), arg);
            return unknown_option(options, name);
        }
        if (k <= 64 && seen[k - 1])
            return options_fail(options, "%s is given twice; give it once", spec->name);
        if (k <= 64)
            seen[k - 1] = true;
        if (spec->given)
            *spec->given = true;
        if (spec->kind == OPTION_FLAG) {
            if (equals)
                return options_fail(options, "%s takes no value; give just %s", spec->name,
                                    spec->name);
            *(bool *)spec->target = true;
            continue;
        }
        const char *value = equals ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        /* "--out --quick" is a forgotten value, not a folder called --quick. */
        bool negative = value && spec->kind == OPTION_NUMBER && value[0] == '-' &&
                        value[1] >= '0' && value[1] <= '9'; /* take_value says more about it */
        if (!value || (!equals && !negative && value[0] == '-' && value[1] != '\0'))
            return options_fail(options, "%s needs a value; give %s %s", spec->name, spec->name,
                                spec->value);
        if (take_value(options, spec, value) != 0)
            return -1;
    }
    return 0;
}

void options_print(const struct option_spec *specs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!specs[i].help)
            continue;
        char left[60];
        snprintf(left, sizeof left, "%s%s%s", specs[i].name, specs[i].value ? " " : "",
                 specs[i].value ? specs[i].value : "");
        printf("  %-18s", left);
        for (const char *line = specs[i].help; line;) {
            const char *end = strchr(line, '\n');
            printf("%.*s\n", end ? (int)(end - line) : (int)strlen(line), line);
            line = end ? end + 1 : NULL;
            if (line)
                printf("%20s", "");
        }
    }
}

int options_devices(const struct options *options, const char *list, struct option_device *out,
                    size_t *count) {
    static const char *const names[] = {"cpu",        "simt", "ptx",   "sass:sm_80",
                                        "sass:sm_90", "cuda", "cuda:0"};
    *count = 0;
    for (const char *at = list;;) {
        size_t length = strcspn(at, ",");
        char element[64];
        snprintf(element, sizeof element, "%.*s", (int)(length < 60 ? length : 60), at);
        if (length == 0)
            return options_fail(options,
                                "--device \"%s\" has an empty element; for example "
                                "--device simt,cpu",
                                list);
        if (*count == OPTION_DEVICES_MAX)
            return options_fail(options, "--device lists more than %d devices; list fewer",
                                OPTION_DEVICES_MAX);
        struct option_device *device = &out[*count];
        if (device_parse(element, &device->kind, &device->index) != 0) {
            const char *near = options_nearest(element, names, sizeof names / sizeof *names);
            if (near)
                return options_fail(options, "unknown device \"%s\"; did you mean %s?", element,
                                    near);
            return options_fail(
                options,
                "unknown device \"%s\"; use cpu, simt, ptx, sass:sm_80, sass:sm_90, cuda or cuda:N",
                element);
        }
        device_name(device->kind, device->index, device->id);
        for (size_t k = 0; k < *count; k++)
            if (strcmp(out[k].id, device->id) == 0)
                return options_fail(options, "--device names %s twice; name it once", device->id);
        ++*count;
        if (at[length] == '\0')
            return 0;
        at += length + 1;
    }
}
