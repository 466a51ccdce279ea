/*
 * meter_cpu.c: a processor's energy by RAPL, and its cycles by perf (meter.h).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/measure/meter.h"

/* --- RAPL: Documentation/power/powercap/powercap.rst of the kernel ------------------------------
 */

/* 0, or -1 with errno. */
static int read_text(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;
    int error = errno;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    errno = error;
    return n > 0 ? 0 : -1;
}

static int read_count(const char *path, uint64_t *count) {
    char text[40], *end;
    if (read_text(path, text, sizeof text) != 0)
        return -1;
    errno = EINVAL;
    *count = strtoull(text, &end, 10);
    return end > text && !*end ? 0 : -1;
}

/* Microjoules of all packages. A counter begins anew behind its range; that far back it cannot have
 * gone otherwise, since a range is hours or minutes of work. */
static int rapl_energy(struct meter *m, uint64_t *count) {
    for (size_t k = 0; k < m->package_count; k++) {
        struct meter_package *p = &m->packages[k];
        uint64_t now;
        if (read_count(p->path, &now) != 0)
            return -1;
        if (now >= p->last)
            m->drawn += now - p->last;
        else if (p->last - now > p->range / 2 && p->last <= p->range)
            m->drawn += p->range - p->last + now;
        else
            return -1;
        p->last = now;
    }
    *count = m->drawn;
    return 0;
}

static void add_package(struct meter *m, const char *folder, int zone) {
    struct meter_package *p = &m->packages[m->package_count];
    char path[128], name[40];
    snprintf(path, sizeof path, "%.60s/intel-rapl:%d/name", folder, zone);
    /* Others are parts of a package, or, as "psys", hold all of them. */
    if (read_text(path, name, sizeof name) != 0 || strncmp(name, "package-", 8) != 0)
        return;
    snprintf(p->path, sizeof p->path, "%.60s/intel-rapl:%d/energy_uj", folder, zone);
    snprintf(path, sizeof path, "%.60s/intel-rapl:%d/max_energy_range_uj", folder, zone);
    if (read_count(p->path, &p->last) != 0)
        snprintf(m->energy_why, METER_WHY, "%s cannot be read (%s); let this user read it", p->path,
                 strerror(errno));
    else if (read_count(path, &p->range) != 0)
        snprintf(m->energy_why, METER_WHY, "%s cannot be read (%s)", path, strerror(errno));
    else
        m->package_count++;
}

/* Zones are numbered from 0, without gaps but for what a kernel leaves out. */
void meter_open_packages(struct meter *m, const char *folder) {
    for (int zone = 0; zone < METER_PACKAGES; zone++)
        add_package(m, folder, zone);
    if (m->package_count == 0 && !m->energy_why[0])
        snprintf(m->energy_why, METER_WHY,
                 "no processor package in %.60s: a virtual machine, or a kernel without RAPL",
                 folder);
    if (m->energy_why[0])
        return;
    m->energy = rapl_energy;
    m->energy_by = "rapl";
    m->joules = 1e-6;
}

/* --- perf: perf_event_open(2) -------------------------------------------------------------------
 */

static int perf_cycles(struct meter *m, uint64_t *cycles, uint64_t *nanoseconds) {
    uint64_t values[3]; /* the count, the time for which it was wanted, and had a counter */
    if (read(m->counter, values, sizeof values) != sizeof values || values[2] != values[1])
        return -1; /* one shared with others counts a part of the time */
    *cycles = values[0];
    *nanoseconds = values[2];
    return 0;
}

void meter_open_cycles(struct meter *m, unsigned type, unsigned long long config) {
    struct perf_event_attr event = {
        .type = type,
        .size = sizeof event,
        .config = config,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
    };
    m->counter = (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (m->counter >= 0) {
        m->cycles = perf_cycles;
        m->clock_by = "perf";
        return;
    }
    if (errno == EACCES || errno == EPERM)
        snprintf(m->clock_why, METER_WHY,
                 "the kernel lets this user count no cycles; set "
                 "/proc/sys/kernel/perf_event_paranoid to 2, or let the container do it");
    else if (errno == ENOENT || errno == EOPNOTSUPP || errno == ENODEV)
        snprintf(m->clock_why, METER_WHY,
                 "this processor shows no cycle counter; virtual machines seldom do");
    else
        snprintf(m->clock_why, METER_WHY, "cycles cannot be counted: %s", strerror(errno));
}

void meter_open_cpu(struct meter *m) {
    meter_open_packages(m, "/sys/class/powercap");
    meter_open_cycles(m, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
}
