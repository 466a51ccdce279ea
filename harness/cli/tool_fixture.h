/*
 * tool_fixture.h: where a tool lies that a lab's test runs from outside.
 */
#ifndef NANOLAB_HARNESS_TOOL_FIXTURE_H
#define NANOLAB_HARNESS_TOOL_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* BUILD/bin/`name` of the build whose BUILD/tests/labs/LAB/TEST is running. 0, or -1 with a line on
 * stderr: it is not built. */
static int tool_find(const char *name, char *path, size_t size) {
    char self[4000];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return -1;
    self[length] = '\0';
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(self, '/');
        if (!slash)
            return -1;
        *slash = '\0';
    }
    snprintf(path, size, "%s/bin/%s", self, name);
    if (access(path, X_OK) == 0)
        return 0;
    fprintf(stderr, "%s is not built; run make build first\n", path);
    return -1;
}

#endif
