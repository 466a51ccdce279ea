/*
 * libexec.c: where our own programs are (libexec.h).
 */
#include "kernels/device/libexec.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int libexec_find(const char *name, char *path, size_t size) {
    char self[3000];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    for (char *slash; (slash = strrchr(self, '/'));) {
        *slash = '\0';
        snprintf(path, size, "%s/libexec/%s", self, name);
        if (access(path, X_OK) == 0)
            return 0;
    }
    return -1;
}
