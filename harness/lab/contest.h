/*
 * contest.h: ways of doing one thing, measured together in interleaved rounds, so that the ratios
 * between them are paired; and recorded together, or not at all.
 *
 *     struct contest *c = contest_open(run, device, "02/price/n=%zu", n);
 *     if (!c)                             // recorded already, stopping, or an error is recorded
 *         return contest_skipped(run);
 *     struct entrant *plain = contest_enter(c, &plain_job, "plain");   // takes the job over
 *     struct entrant *fixed = contest_enter(c, &fixed_job, "fixed");   // case 02/price/n=…/fixed
 *     case_param_int(entrant_case(fixed), "n", n);
 *     entrant_over(fixed, plain, "over plain");
 *     return contest_end(c);              // measures, proves, records; closes jobs and c
 *
 * All cases of a contest go into the journal by one append with one sync, and a journal that was
 * cut inside of it is read as if nothing of it were there. So samples of two sessions are never
 * paired.
 */
#ifndef NANOLAB_HARNESS_CONTEST_H
#define NANOLAB_HARNESS_CONTEST_H

#include "harness/lab/lab.h"
#include "harness/measure/bench.h"
#include "kernels/device/job.h"
#include "kernels/roofs/roofs.h"

struct contest;
struct entrant;

/* The id of the whole, without a slash at its end. NULL: nothing is to be done, or lab_error(). */
struct contest *contest_open(struct lab_run *run, struct device *device, const char *id_format, ...)
    __attribute__((format(printf, 3, 4)));
/* What to return when contest_open gave NULL: 0, or -1 where an error is recorded. */
int contest_skipped(const struct lab_run *run);
/* Gives up: closes all, records nothing. For errors on the way; returns -1. */
int contest_drop(struct contest *c);

/* Adds an entrant, taking the job over (*job is empty afterwards). Its case is the contest's id, a
 * slash, and this name. Its plan record is the job's. Never NULL: what goes wrong is told by
 * contest_end. */
struct entrant *contest_enter(struct contest *c, struct job *job, const char *name_format, ...)
    __attribute__((format(printf, 3, 4)));
/* The case, for parameters; never NULL. */
struct lab_case *entrant_case(struct entrant *e);
const struct job *entrant_job(const struct entrant *e);

/* A counter of e: time(e) / time(of), paired by rounds, with its interval. `of` NULL: nothing. */
void entrant_over(struct entrant *e, const struct entrant *of, const char *counter);
/* The same over the fastest of several, by their medians: which is best shows only once all are
 * measured. */
void entrant_over_fastest(struct entrant *e, struct entrant *const *of, size_t count,
                          const char *counter);
/* The same of speeds: bytes(e) / time(e) over bytes(of) / time(of); of flops where the jobs move no
 * bytes, or else of calls. Below 1: e is slower. */
void entrant_speed_over(struct entrant *e, const struct entrant *of, const char *counter);
/* The same over the fastest, by its median, of the entrants whose names begin with `names`, e among
 * them or not; the fastest itself has exactly 1. No such entrant: nothing. */
void entrant_speed_over_best(struct entrant *e, const char *names, const char *counter);
/* Before each sample, untimed, `before` is called once; with `alone`, a sample is one call, as it
 * must be where `before` reads other memory so that the call finds the caches cold. Borrowed. */
void entrant_before(struct entrant *e, const struct job *before, bool alone);
/* Adds numbers to the case once it was measured, before it is recorded; 0 or -1 with
 * device_error(). */
void entrant_finish(struct entrant *e,
                    int (*finish)(void *context, struct lab_case *record,
                                  const struct bench_result *result),
                    void *context);

/* Enters every reader of `bytes` of `memory` (borrowed, with that much source) that roofs.h has
 * for the device, as read/…; the best, by its median, is the contest's roof. 0, or -1 after
 * lab_error(). */
int contest_readers(struct contest *c, struct roofs_memory *memory, size_t bytes);
/* Before that: on how many threads (CPU only; 0, as it is: all). */
void contest_threads(struct contest *c, unsigned threads);
/* A counter "roof fraction" of e: its bytes per second over the roof's, paired. */
void entrant_roof(struct entrant *e);
/* A counter "virtual machine" of e: 1 where a host shares out these CPUs, 0 where none does; none
 * where the processor does not tell. */
void entrant_host(struct entrant *e);

/* By the run's mode; to be changed before contest_end. */
struct bench_limits *contest_limits(struct contest *c);
/* 0, or -1 after lab_error(). A contest that a signal stopped records nothing. */
int contest_end(struct contest *c);

#endif
