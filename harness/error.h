/*
 * error.h: why the last call of this thread failed, in one line that names the fix. Everything in
 * harness/ stands on it.
 *
 *     return error_set("%s: cannot be read: %s", path, strerror(errno));     // returns -1
 */
#ifndef NANOLAB_HARNESS_ERROR_H
#define NANOLAB_HARNESS_ERROR_H

/* "" if nothing failed so far. */
const char *error_text(void);
/* Sets the text, made one harmless line (text.h); returns -1. The format may quote error_text(). */
int error_set(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
