/*
 * error.c: see error.h.
 */
#include "harness/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/text.h"

static _Thread_local char last[1024];

const char *error_text(void) {
    return last;
}

int error_set(const char *format, ...) {
    /* Through a second buffer, so that a caller may quote error_text() itself. */
    char text[sizeof last];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* One line, whatever a hostile folder put into its names. */
    text_flatten(text);
    memcpy(last, text, sizeof text);
    return -1;
}
