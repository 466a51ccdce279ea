/*
 * report.cc: makes reports, and finds the source line of a return address. Lines come from
 * addr2line, run when a report is made and not before; without it, or without debug information,
 * the report says so.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdarg>
#include <cstring>
#include <map>
#include <mutex>

#include "kernels/simt/machine.h"

extern char **environ;
extern "C" char __executable_start;

namespace simt {

constexpr size_t kept_reports = 64;

/* Runs addr2line for one address; its lines, innermost first: "file:line". */
static std::string run_addr2line(const char *object, uintptr_t offset) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return "";
    char address[32];
    snprintf(address, sizeof address, "%#llx", (unsigned long long)offset);
    const char *const argv[] = {"addr2line", "-i", "-e", object, address, nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t child;
    int failed = posix_spawnp(&child, argv[0], &actions, nullptr, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    std::string text;
    if (!failed) {
        char buffer[1024];
        ssize_t n;
        while ((n = read(ends[0], buffer, sizeof buffer)) > 0)
            text.append(buffer, (size_t)n);
        waitpid(child, nullptr, 0);
    }
    close(ends[0]);
    return text;
}

/* The part of a path that means something in this project. */
static std::string shortened(const std::string &line) {
    for (const char *root : {"kernels/", "labs/", "harness/"}) {
        size_t at = line.rfind(root);
        if (at != std::string::npos && (at == 0 || line[at - 1] == '/'))
            return line.substr(at);
    }
    return line;
}

static std::string find_line(const void *site) {
    Dl_info info;
    if (!site || !dladdr(site, &info) || !info.dli_fname)
        return "an unknown line";
    /* The call is before the address it returns to. */
    uintptr_t offset = (uintptr_t)site - (uintptr_t)info.dli_fbase - 1;
    const char *object = in_machine_image((uintptr_t)site) ? "/proc/self/exe" : info.dli_fname;
    char self[4096];
    if (strcmp(object, "/proc/self/exe") == 0) {
        ssize_t n = readlink(object, self, sizeof self - 1);
        if (n > 0) {
            self[n] = '\0';
            object = self;
        }
    }
    std::string lines = run_addr2line(object, offset);
    for (size_t at = 0; at < lines.size();) {
        size_t end = lines.find('\n', at);
        if (end == std::string::npos)
            end = lines.size();
        std::string line = lines.substr(at, end - at);
        at = end + 1;
        size_t note = line.find(" (discriminator");
        if (note != std::string::npos)
            line.resize(note);
        bool ours = line.find("kernels/simt/cuda_") != std::string::npos ||
                    line.find("kernels/device/kernel") != std::string::npos;
        if (line.find("??") == std::string::npos && !ours)
            return shortened(line);
    }
    char text[80];
    snprintf(text, sizeof text, "code offset %#llx (line not known%s)", (unsigned long long)offset,
             lines.empty() ? ": no addr2line" : ": no debug information");
    return text;
}

std::string source_line(const void *site) {
    if (running && running->config.no_lines) {
        char place[40];
        snprintf(place, sizeof place, "code offset %#llx",
                 (unsigned long long)((uintptr_t)site - (uintptr_t)&__executable_start));
        return place;
    }
    static std::mutex lock;
    static std::map<const void *, std::string> known;
    std::lock_guard<std::mutex> hold(lock);
    auto found = known.find(site);
    if (found == known.end())
        found = known.emplace(site, find_line(site)).first;
    return found->second;
}

place here(const thread *t, const void *site) {
    return {t->home->block, t->index, site};
}

static void copy(char *to, size_t size, const std::string &from) {
    snprintf(to, size, "%s", from.c_str());
}

void report(machine *m, simt_report_kind kind, const place &at, const place *other,
            const char *format, ...) {
    const void *other_site = other ? other->site : nullptr;
    for (site_pair &p : m->seen) {
        if (p.kind == kind && p.a == at.site && p.b == other_site) {
            m->reports[p.report].times++;
            return;
        }
    }
    if (m->seen.size() >= kept_reports) {
        m->suppressed++;
        return;
    }
    char what[1700];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    struct simt_report r = {};
    r.kind = kind;
    copy(r.kernel, sizeof r.kernel, m->launch ? m->launch->name : "");
    r.block = at.block;
    r.thread = at.thread;
    r.times = 1;
    if (at.site)
        copy(r.where, sizeof r.where, source_line(at.site));
    char rest[300] = "";
    if (other) {
        r.has_other = 1;
        r.other_block = other->block;
        r.other_thread = other->thread;
        if (other->site)
            copy(r.other_where, sizeof r.other_where, source_line(other->site));
        snprintf(rest, sizeof rest, "; the other: block %llu, thread %u%s%s",
                 (unsigned long long)other->block, other->thread, other->site ? ", " : "",
                 r.other_where);
    }
    snprintf(r.text, sizeof r.text, "kernel %.80s: %s: block %llu, thread %u%s%s: %s%.240s",
             r.kernel, simt_report_name(kind), (unsigned long long)at.block, at.thread,
             at.site ? ", " : "", r.where, what, rest);
    m->seen.push_back({kind, at.site, other_site, m->reports.size()});
    m->reports.push_back(r);
}

} // namespace simt

const char *simt_report_name(enum simt_report_kind kind) {
    switch (kind) {
    case SIMT_DIVERGENT_BARRIER:
        return "divergent __syncthreads";
    case SIMT_DIVERGENT_WARP:
        return "divergent warp operation";
    case SIMT_LACKING:
        return "no such instruction";
    case SIMT_SHUFFLE_LANE:
        return "shuffle from an inactive lane";
    case SIMT_BOUNDS_SHARED:
        return "shared memory out of bounds";
    case SIMT_BOUNDS_GLOBAL:
        return "global memory out of bounds";
    case SIMT_UNINITIALISED:
        return "uninitialised shared memory";
    case SIMT_RACE:
        return "data race";
    case SIMT_MISALIGNED:
        return "misaligned access";
    case SIMT_BOUNDS_ARRAY:
        return "array out of bounds";
    case SIMT_DIVISION:
        return "division by zero";
    case SIMT_STACK:
        return "stack overflow";
    case SIMT_ENDLESS:
        return "endless run";
    case SIMT_DEADLOCK:
        return "deadlock";
    case SIMT_LAUNCH:
        return "impossible launch";
    case SIMT_REPORT_KINDS:
        break;
    }
    return "unknown";
}
