/*
 * nvml_fixture.h: for tests of what is done with a driver's NVML: libraries made for the purpose
 * stand in for it, and the test program starts itself again with each of them.
 */
#ifndef NANOLAB_HARNESS_NVML_FIXTURE_H
#define NANOLAB_HARNESS_NVML_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Skips the test where there is no compiler to make such libraries. */
static inline void nvml_stand_in_needs(void) {
    if (system("cc --version >/dev/null 2>&1") != 0)
        skip();
}

/* Makes a library of `source` in a folder of its own below `path`; what this program prints when it
 * is started with that library and `option`. */
static inline void nvml_stand_in(const char *path, const char *folder, const char *source,
                                 const char *option, char *said, size_t size) {
    char command[24000], self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    snprintf(command, sizeof command, "%s/%s.c", path, folder);
    FILE *file = fopen(command, "w");
    assert_non_null(file);
    fputs(source, file);
    fclose(file);
    snprintf(command, sizeof command,
             "mkdir %s/%s && cc -shared -fPIC -o %s/%s/libnvidia-ml.so.1 %s/%s.c && "
             "LD_LIBRARY_PATH=%s/%s %s %s",
             path, folder, path, folder, path, folder, path, folder, self, option);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    size_t got = fread(said, 1, size - 1, out);
    said[got] = '\0';
    assert_int_equal(pclose(out), 0);
}

#endif
