/*
 * build_info.c: facts that the Makefile knows, compiled into this one file, so that a new commit
 * rebuilds one object. The Makefile gives NANOLAB_VERSION ("v1.0-3-gabc1234", "-dirty" behind it
 * when files differed or were not known to git) and NANOLAB_FLAGS.
 */
#include "harness/store/build_info.h"

#include <stdio.h>
#include <string.h>

#include "kernels/device/device.h"

#ifndef NANOLAB_VERSION
#define NANOLAB_VERSION "unknown"
#endif
#ifndef NANOLAB_FLAGS
#define NANOLAB_FLAGS "unknown"
#endif

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

static const char dirty_mark[] = "-dirty";

const char *build_version(void) {
    static char version[128];
    if (!version[0]) {
        /* Same bytes from every thread, so that a race is harmless. */
        size_t size = strlen(NANOLAB_VERSION);
        if (size >= sizeof dirty_mark && build_dirty() && strcmp(NANOLAB_VERSION, "unknown") != 0)
            size -= sizeof dirty_mark - 1;
        snprintf(version, sizeof version, "%.*s", (int)size, NANOLAB_VERSION);
    }
    return version;
}

bool build_dirty(void) {
    const char *version = NANOLAB_VERSION;
    size_t size = strlen(version), mark = sizeof dirty_mark - 1;
    return strcmp(version, "unknown") == 0 ||
           (size > mark && strcmp(version + size - mark, dirty_mark) == 0);
}

const char *build_compiler(void) {
#ifdef __clang__
    return "clang " __clang_version__;
#else
    return "gcc " TEXT(__GNUC__) "." TEXT(__GNUC_MINOR__) "." TEXT(__GNUC_PATCHLEVEL__);
#endif
}

const char *build_flags(void) {
    return NANOLAB_FLAGS;
}

/* The run time is linked statically, so its version is that of the toolkit that was built with. */
const char *build_cuda_toolkit(void) {
    static char text[24];
    int version;
    if (!device_cuda_version || device_cuda_version(&version) != 0)
        return NULL;
    snprintf(text, sizeof text, "%d.%d", version / 1000, version % 1000 / 10);
    return text;
}

int build_change_count(void) {
    int count = 0;
    while (build_changes[count].cases)
        count++;
    return count;
}

bool build_change_concerns(const struct build_change *change, const char *id, bool timed) {
    if (strcmp(change->cases, "*") == 0)
        return timed;
    return strncmp(id, change->cases, strlen(change->cases)) == 0;
}
