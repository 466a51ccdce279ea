/*
 * tool_fixture.h: where a tool lies that a test runs from outside.
 */
#ifndef NANOLAB_HARNESS_TOOL_FIXTURE_H
#define NANOLAB_HARNESS_TOOL_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* BUILD/bin/`name` of the build whose BUILD/tests/…/TEST is running. 0, or -1 with a line on
 * stderr: it is not built. */
static int tool_find(const char *name, char *path, size_t size) {
    char self[4000];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return -1;
    self[length] = '\0';
    char *build = self, *next;
    while ((next = strstr(build + 1, "/tests/")))
        build = next;
    *build = '\0';
    snprintf(path, size, "%s/bin/%s", self, name);
    if (access(path, X_OK) == 0)
        return 0;
    fprintf(stderr, "%s is not built; run make build first\n", path);
    return -1;
}

#endif
