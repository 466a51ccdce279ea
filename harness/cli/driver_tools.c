/*
 * driver_tools.c: tools are programs of their own, nanolab-NAME beside the driver, as git has them.
 * None is known here by name: what lies there is what there is.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/driver.h"

#define PREFIX "nanolab-"

bool driver_tool_is_name(const char *name) {
    return name[0] && name[0] != '-' && strlen(name) < DRIVER_TOOL_NAME &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

size_t driver_tools(const struct driver *driver, char (*names)[DRIVER_TOOL_NAME]) {
    DIR *list = opendir(driver->bin);
    size_t count = 0;
    for (struct dirent *entry; list && count < DRIVER_TOOLS_MAX && (entry = readdir(list));) {
        const char *name = entry->d_name + strlen(PREFIX);
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 && driver_tool_is_name(name) &&
            faccessat(dirfd(list), entry->d_name, X_OK, 0) == 0)
            snprintf(names[count++], DRIVER_TOOL_NAME, "%s", name);
    }
    if (list)
        closedir(list);
    qsort(names, count, DRIVER_TOOL_NAME, by_name);
    return count;
}

void driver_tools_print(const struct driver *driver, const struct options *parser) {
    char names[DRIVER_TOOLS_MAX][DRIVER_TOOL_NAME];
    size_t count = driver_tools(driver, names);
    for (size_t k = 0; k < count; k++) {
        char path[sizeof driver->bin + sizeof PREFIX + DRIVER_TOOL_NAME], line[200];
        snprintf(path, sizeof path, "%s/" PREFIX "%s", driver->bin, names[k]);
        char *text = driver_ask(parser, path);
        json_t *said = text ? json_loads(text, 0, NULL) : NULL;
        const char *arguments = json_string_value(json_object_get(said, "arguments"));
        const char *summary = json_string_value(json_object_get(said, "summary"));
        snprintf(line, sizeof line, "%s %s", names[k], arguments ? arguments : "");
        printf("  %-16s %s\n", line, summary ? summary : "(does not say what it is for)");
        json_decref(said);
        free(text);
    }
}

void driver_tool_run(const struct driver *driver, char **argv) {
    char path[sizeof driver->bin + sizeof PREFIX + DRIVER_TOOL_NAME];
    if (!driver_tool_is_name(argv[0]))
        return;
    snprintf(path, sizeof path, "%s/" PREFIX "%s", driver->bin, argv[0]);
    if (access(path, X_OK) == 0) {
        fflush(NULL);
        execv(path, argv);
    }
}
