/*
 * rests.h: what a verdict rests on: how near to a real machine the results are that it was made of.
 *
 * The SIMT machine runs the *source* of kernels, the PTX machine what nvcc made of it (*PTX*), a
 * device sass:… the *SASS* of one architecture; a CPU, whose kernels are its own, and a GPU are
 * *silicon*. What a matrix unit adds is computed, on a machine that has none, by rules that give
 * every bit of *published measurements*, or that follow *a published model* of somebody else's.
 * Ranks of a collective may be a *simulation*.
 *
 * A case says it in its parameter "rests on" (RESTS_PARAM) where its device does not.
 */
#ifndef NANOLAB_HARNESS_RESTS_H
#define NANOLAB_HARNESS_RESTS_H

#include <jansson.h>
#include <stdio.h>

#define RESTS_PARAM "rests on"

/* From what says least of a real machine to what is one. */
enum rests {
    RESTS_SIMULATION,
    RESTS_MODEL,
    RESTS_SOURCE,
    RESTS_PTX,
    RESTS_SASS,
    RESTS_PUBLISHED,
    RESTS_CPU,
    RESTS_GPU,
    RESTS
};

/* "simulation", "a published model", "source", "PTX", "SASS", "published measurements",
 * "silicon of a CPU", "silicon of a GPU". */
const char *rests_name(enum rests rests);
/* Of results of a device, "cuda:0"; RESTS: of no device that is known. */
enum rests rests_of_device(const char *device);
/* Of a row of a case: its own cells (NULL: the case is one row) before the case's parameters, and
 * these before the device. Results of older builds say it by the engine that ran their ranks. */
enum rests rests_of_row(const json_t *record, const json_t *cells);

/* How many rows of a verdict rest on what. */
struct rests_on {
    long long rows[RESTS];
};
/* {"source": 12}, without those that are 0; NULL: no memory. */
json_t *rests_json(const struct rests_on *on);
/* What an entry of claims.json says; of an older one that says nothing, 1 row of its device.
 * Nothing where it is not testable. */
struct rests_on rests_of_claim(const json_t *entry);
/* The highest with any row; RESTS: there is none. */
enum rests rests_highest(const struct rests_on *on);
/* "source"; "published measurements (180 of 240 rows), source (60)"; nothing where there is none.
 */
void rests_print(const struct rests_on *on, FILE *to);

#endif
