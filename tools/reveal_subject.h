/*
 * reveal_subject.h: what `nanolab reveal` was asked to study, from the command line to a target.
 */
#ifndef NANOLAB_TOOLS_REVEAL_SUBJECT_H
#define NANOLAB_TOOLS_REVEAL_SUBJECT_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/options.h"
#include "kernels/sass/sass.h"
#include "kernels/tree/child_target.h"
#include "kernels/tree/cubin_target.h"
#include "kernels/tree/plan_target.h"
#include "kernels/tree/recover.h"
#include "kernels/tree/targets.h"
#include "tools/reveal_card.h"

/* What all calls of any subject may take, unless it is said. */
#define TOTAL_SECONDS 600

struct request {
    const char *target, *library, *symbol, *cubin, *kernel, *type, *result, *draw, *device;
    uint64_t blocks, threads, n, seed, collapse, seconds, total_seconds, megabytes;
    struct card_request card;
    bool n_given, blocks_given, threads_given, seconds_given, total_given, memory_given, dot, list,
        json, help, version, describe;
};

enum subject_kind { SUBJECT_PLAN, SUBJECT_BUILT_IN, SUBJECT_LIBRARY, SUBJECT_CUBIN };

struct subject {
    enum subject_kind kind;
    struct sum_variant plan;
    const struct tree_target *built_in; /* NULL: this build has not got it, nor its device */
    const struct cub_card *model;       /* --arch */
    struct ptx_card card;
    struct child_spec child;
    struct cubin_spec cubin;
    char library_path[4096];
    enum device_kind device_kind;
    int device_index;
    struct device *device;
    char name[SUM_TEXT + 8]; /* as the answer calls it */
    char what[200];          /* the library and its version, or what kind of thing it is */
};

static int choose_device(const struct options *parser, const struct request *r, struct subject *s) {
    struct option_device listed[OPTION_DEVICES_MAX];
    size_t count = 0;
    if (!r->device) {
        s->device_kind = device_count(DEVICE_CUDA) > 0 ? DEVICE_CUDA : DEVICE_SIMT;
        return 0;
    }
    if (options_devices(parser, r->device, listed, &count))
        return -1;
    if (count != 1)
        return options_fail(
            parser, "--device takes one device here; give cpu, simt, ptx, sass:sm_90 or cuda");
    s->device_kind = listed[0].kind;
    s->device_index = listed[0].index;
    return 0;
}

static int plan_subject(const struct options *parser, const struct request *r, struct subject *s) {
    char why[SUM_WHY], native_why[SUM_WHY], text[SUM_TEXT];
    const char *words = r->target + strlen("sum:");
    if (choose_device(parser, r, s))
        return -1;
    s->kind = SUBJECT_PLAN;
    if (sum_variant_parse(words, s->device_kind, &s->plan, why)) {
        /* Words of a native plan choose the CPU by themselves. */
        if (r->device || sum_variant_parse(words, DEVICE_CPU, &s->plan, native_why))
            return options_fail(parser, "sum:%s: %s", words, why);
        s->device_kind = DEVICE_CPU;
    }
    snprintf(s->name, sizeof s->name, "sum:%s", sum_variant_text(&s->plan, text));
    return 0;
}

static int unknown_target(const struct options *parser, const char *name) {
    size_t count;
    const struct tree_target *all = tree_targets(&count);
    const char *names[33 + CUB_NAMES] = {"sum:"};
    size_t named = 1;
    for (size_t k = 0; k < count && k < 32; k++)
        names[named++] = all[k].name;
    for (size_t k = 0; k < CUB_NAMES; k++)
        names[named++] = cub_names[k];
    const char *near = options_nearest(name, names, named);
    if (near)
        return options_fail(parser, "unknown target \"%s\"; did you mean %s?", name, near);
    return options_fail(parser, "unknown target \"%s\"; see nanolab reveal --list", name);
}

/* CUB: on a GPU, or as on a card that is not here. */
static int cub_subject(const struct options *parser, const struct request *r, struct subject *s) {
    struct card_request card = r->card;
    struct option_device listed[OPTION_DEVICES_MAX];
    size_t devices = 0;
    bool code = false;
    s->device_kind = card.arch ? DEVICE_PTX : DEVICE_CUDA;
    if (r->device) {
        if (options_devices(parser, r->device, listed, &devices))
            return -1;
        s->device_kind = listed[0].kind;
        s->device_index = listed[0].index;
        if (devices != 1 || s->device_kind == DEVICE_CPU || s->device_kind == DEVICE_SIMT)
            return options_fail(parser, "%s runs on cuda, ptx or sass:ARCH; give one of them",
                                r->target);
        if (card.arch && s->device_kind == DEVICE_CUDA)
            return options_fail(parser,
                                "--arch is for a card that is not here; leave --device out");
        code = s->device_kind == DEVICE_SASS;
        if (code && card.arch && strcmp(card.arch, r->device + strlen("sass:")) != 0)
            return options_fail(parser, "--arch %s is not the card of --device %s", card.arch,
                                r->device);
        card.arch = code ? r->device + strlen("sass:") : card.arch;
    }
    if (s->device_kind == DEVICE_CUDA && (r->card.sms_given || r->card.occupancy_given))
        return options_fail(parser, "--sms and --occupancy go with --arch; give --arch sm_90");
    card.arch = card.arch ? card.arch : "sm_80";
    s->built_in = tree_target_on(r->target, s->device_kind);
    snprintf(s->name, sizeof s->name, "%s", r->target);
    if (s->device_kind == DEVICE_CUDA)
        return 0;
    /* Machine code of CUB is there for cards for which ours is not: as the PTX machine's. */
    s->device_kind = DEVICE_PTX;
    s->device_index = 0;
    if (choose_card(parser, &card, &s->model, &s->card))
        return -1;
    s->card.machine_code = code;
    return 0;
}

static int built_in_subject(const struct options *parser, const struct request *r,
                            struct subject *s) {
    s->kind = SUBJECT_BUILT_IN;
    for (size_t k = 0; k < CUB_NAMES; k++)
        if (strcmp(r->target, cub_names[k]) == 0)
            return cub_subject(parser, r, s);
    s->built_in = tree_target_named(r->target);
    if (!s->built_in)
        return unknown_target(parser, r->target);
    s->device_kind = s->built_in->kind;
    if (r->device) {
        struct option_device listed[OPTION_DEVICES_MAX];
        size_t devices = 0;
        if (options_devices(parser, r->device, listed, &devices))
            return -1;
        if (devices != 1 || listed[0].kind != s->device_kind)
            return options_fail(parser, "%s runs on %s only; leave --device out", r->target,
                                device_kind_name(s->device_kind));
        s->device_index = listed[0].index;
    }
    snprintf(s->name, sizeof s->name, "%s", s->built_in->name);
    return 0;
}

/* "f32" or "f64". */
static int take_type(const struct options *parser, const char *text, enum element *type) {
    *type = text && strcmp(text, "f64") == 0 ? ELEMENT_F64 : ELEMENT_F32;
    if (text && *type == ELEMENT_F32 && strcmp(text, "f32") != 0)
        return options_fail(parser, "--type is f32 or f64, not \"%s\"", text);
    return 0;
}

static int library_subject(const struct options *parser, const struct request *r,
                           struct subject *s) {
    s->kind = SUBJECT_LIBRARY;
    if (!r->library || !r->symbol)
        return options_fail(parser, "--library and --symbol go together; give %s",
                            r->library ? "--symbol NAME" : "--library FILE.so");
    if (r->device)
        return options_fail(parser, "--library runs on the CPU; leave --device out");
    s->child = (struct child_spec){.symbol = r->symbol,
                                   .type = ELEMENT_F32,
                                   .dot = r->dot,
                                   .seconds = (double)r->seconds,
                                   .total_seconds = (double)r->total_seconds,
                                   .megabytes = r->megabytes};
    if (take_type(parser, r->type, &s->child.type) != 0)
        return -1;
    if (r->result && strcmp(r->result, "f64") == 0)
        s->child.returns_f64 = true;
    else if (r->result && strcmp(r->result, "f32") != 0)
        return options_fail(parser, "--result is f32 or f64, not \"%s\"", r->result);
    else if (r->result && s->child.type == ELEMENT_F64)
        return options_fail(parser, "a function of doubles that returns a float is not known here; "
                                    "give --result f64, or leave it out");
    /* dlopen would look for a bare name elsewhere. */
    if (snprintf(s->library_path, sizeof s->library_path, "%s%s",
                 strchr(r->library, '/') ? "" : "./", r->library) >= (int)sizeof s->library_path)
        return options_fail(parser, "the path of --library is too long");
    if (access(s->library_path, R_OK))
        return options_fail(parser, "cannot read %s; give the path of a shared library (.so)",
                            r->library);
    s->child.library = s->library_path;
    s->device_kind = DEVICE_CPU;
    snprintf(s->name, sizeof s->name, "%.80s", r->symbol);
    snprintf(s->what, sizeof s->what, "%.150s, %s%s", r->library, element_word(s->child.type),
             s->child.returns_f64 && s->child.type == ELEMENT_F32 ? ", result f64" : "");
    return 0;
}

static int cubin_subject(const struct options *parser, const struct request *r, struct subject *s) {
    s->kind = SUBJECT_CUBIN;
    if (!r->cubin || !r->kernel)
        return options_fail(parser, "--cubin and --kernel go together; give %s",
                            r->cubin ? "--kernel NAME" : "--cubin FILE");
    const char *odd = r->device          ? "--device"
                      : r->result        ? "--result"
                      : r->seconds_given ? "--time-limit"
                      : r->memory_given  ? "--memory-limit"
                                         : NULL;
    if (odd)
        return options_fail(parser, "%s is not for --cubin; leave it out", odd);
    if (r->blocks_given && (r->blocks == 0 || r->blocks > 65535))
        return options_fail(parser, "--blocks is %llu; give 1 to 65535",
                            (unsigned long long)r->blocks);
    if (r->threads_given && (r->threads == 0 || r->threads > 1024))
        return options_fail(parser, "--threads is %llu; give 1 to 1024",
                            (unsigned long long)r->threads);
    s->cubin = (struct cubin_spec){.file = r->cubin,
                                   .kernel = r->kernel,
                                   .dot = r->dot,
                                   .blocks = (uint32_t)r->blocks,
                                   .threads = (uint32_t)r->threads};
    snprintf(s->name, sizeof s->name, "%.80s", r->kernel);
    return take_type(parser, r->type, &s->cubin.type);
}

static int check_request(const struct options *parser, struct request *r, struct subject *s) {
    bool library = r->library || r->symbol, cubin = r->cubin || r->kernel;
    if (!library && !cubin && !r->target)
        return options_fail(parser, "nothing to reveal; give a target (see %s)",
                            "nanolab reveal --list) or --library and --symbol (see --help");
    if (library + cubin + (r->target != NULL) > 1)
        return options_fail(parser, "a target and %s exclude each other; give one",
                            library ? "--library" : "--cubin");
    if (!cubin && (r->blocks_given || r->threads_given))
        return options_fail(parser, "%s belongs to --cubin; leave it out",
                            r->blocks_given ? "--blocks" : "--threads");
    const char *odd = r->dot             ? "--dot"
                      : r->type          ? "--type"
                      : r->result        ? "--result"
                      : r->seconds_given ? "--time-limit"
                      : r->memory_given  ? "--memory-limit"
                                         : NULL;
    if (!library && !cubin && odd)
        return options_fail(parser, "%s belongs to --library; leave it out", odd);
    if ((!r->target || strncmp(r->target, "cub", 3) != 0) &&
        (r->card.arch || r->card.sms_given || r->card.occupancy_given))
        return options_fail(parser, "%s belongs to cub; leave it out",
                            r->card.arch        ? "--arch"
                            : r->card.sms_given ? "--sms"
                                                : "--occupancy");
    if (r->n_given && (r->n == 0 || r->n > RECOVER_MAX))
        return options_fail(parser, "-n is %llu; give 1 to %zu", (unsigned long long)r->n,
                            RECOVER_MAX);
    if (r->seconds_given && (r->seconds == 0 || r->seconds > 3600))
        return options_fail(parser, "--time-limit is %llu; give 1 to 3600 seconds",
                            (unsigned long long)r->seconds);
    if (r->total_given && (r->total_seconds == 0 || r->total_seconds > 86400))
        return options_fail(parser, "--total-limit is %llu; give 1 to 86400 seconds",
                            (unsigned long long)r->total_seconds);
    if (r->memory_given && (r->megabytes < 64 || r->megabytes > 1 << 20))
        return options_fail(parser, "--memory-limit is %llu; give 64 to 1048576 MiB",
                            (unsigned long long)r->megabytes);
    if (r->collapse == 0 || r->collapse > 4096)
        return options_fail(parser, "--collapse is %llu; give 1 to 4096",
                            (unsigned long long)r->collapse);
    if (r->draw) {
        const char *dot = strrchr(r->draw, '.');
        if (!dot || (strcmp(dot, ".svg") && strcmp(dot, ".png") && strcmp(dot, ".dot") &&
                     strcmp(dot, ".txt")))
            return options_fail(parser, "--draw %s: end the name in .svg, .png, .dot or .txt",
                                r->draw);
    }
    if (library || cubin)
        return library ? library_subject(parser, r, s) : cubin_subject(parser, r, s);
    return strncmp(r->target, "sum:", 4) == 0 ? plan_subject(parser, r, s)
                                              : built_in_subject(parser, r, s);
}

/* Starts the subject. -1 with device_error(). */
static int open_subject(struct subject *s, struct recover_target *target, size_t n) {
    if (s->kind == SUBJECT_LIBRARY)
        return child_target_open(target, &s->child, n);
    if (s->kind == SUBJECT_CUBIN) {
        if (cubin_target_open(target, &s->cubin, n) != 0)
            return -1;
        snprintf(s->what, sizeof s->what,
                 "%.100s, %s, SASS of sm_%u on the CPU, %u block%s of %u threads", s->cubin.file,
                 element_word(s->cubin.type), cubin_target_arch(target),
                 s->cubin.blocks ? s->cubin.blocks : 1, s->cubin.blocks > 1 ? "s" : "",
                 s->cubin.threads ? s->cubin.threads : 256);
        return 0;
    }
    if (device_open(&s->device, s->device_kind, s->device_index))
        return -1;
    if (s->kind == SUBJECT_PLAN) {
        snprintf(s->what, sizeof s->what, "%s", device_model(s->device));
        return plan_target_open(target, &s->plan, n, s->device);
    }
    if (s->model)
        tree_card_ptx(&s->card);
    int status = s->built_in->open(target, n, s->device);
    if (!status)
        s->built_in->version(s->what, sizeof s->what);
    return status;
}

static void close_subject(struct subject *s, struct recover_target *target) {
    if (s->kind == SUBJECT_LIBRARY)
        child_target_close(target);
    else if (s->kind == SUBJECT_CUBIN)
        cubin_target_close(target);
    else if (s->kind == SUBJECT_PLAN)
        plan_target_close(target);
    else if (target->context)
        s->built_in->close(target);
    if (s->device)
        device_close(s->device);
}

#endif
