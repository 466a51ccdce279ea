/*
 * quick_json.h: JSON into jansson's values by simdjson, in a third of the time that jansson's own
 * reader takes: journals are read by the 100,000 lines.
 */
#ifndef NANOLAB_HARNESS_QUICK_JSON_H
#define NANOLAB_HARNESS_QUICK_JSON_H

#include <jansson.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An object or list: what json_loadb() with JSON_REJECT_DUPLICATES makes of the same text. NULL:
 * that one has to read it. It does so for all that is wrong (and then says what), for want of
 * memory, and for integers of over 63 bits. */
json_t *quick_json_parse(const char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
