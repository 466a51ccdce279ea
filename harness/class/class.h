/*
 * class.h: one page from many students' results (`nanolab class`): what they predicted beside what
 * was measured, who was surprised by what, their machines, and what became of the claims.
 *
 * A student is what one argument names: a result folder, or an archive of one. Nobody is named:
 * students are numbered in the order of a hash over what they measured, which tells neither names
 * nor the order of the arguments. Labels of runs are shown only where the teacher asks for them.
 * Folders are strangers': what is damaged, there twice, or of another format is left out by name,
 * and nothing of a result is shown unescaped.
 */
#ifndef NANOLAB_HARNESS_CLASS_H
#define NANOLAB_HARNESS_CLASS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "harness/compare/compare.h"
#include "harness/predict/scores.h"
#include "harness/store/sha.h"

#define CLASS_STUDENTS_MOST 256
#define CLASS_LABS_MOST 16
#define CLASS_MACHINE 400

/* What a student has of one lab. */
struct class_answers {
    bool here;
    json_t *claims;                           /* the array of claims.json */
    bool predicted;                           /* then `scores` are there */
    struct scores scores;                     /* of what was asked */
    struct measured measured[QUESTIONS_MOST]; /* of each of the lab's questions */
};

struct class_student {
    const char *path;   /* the argument */
    char folder[100];   /* its last part, made harmless: for the terminal */
    char label[220];    /* of the run, made harmless, or "" */
    char key[SHA_TEXT]; /* of what was measured */
    size_t number;      /* from 1 */
    size_t machine;     /* its place in the class's machines */
    char mode[16], seed[32];
    char devices[CLASS_MACHINE];                 /* "cpu: AMD EPYC; simt: …" */
    struct class_answers *labs[CLASS_LABS_MOST]; /* by the class's labs; NULL: it has not run it */
};

struct class_lab {
    char name[64];
    struct questions questions;
};

/* Students whose devices are of the same models. */
struct class_machine {
    char devices[CLASS_MACHINE];
    size_t students;
};

struct class {
    struct class_student *students; /* [count], by number */
    size_t count;
    struct class_lab labs[CLASS_LABS_MOST]; /* [lab_count], by name */
    size_t lab_count;
    struct class_machine machines[CLASS_STUDENTS_MOST]; /* [machine_count]; the most common first */
    size_t machine_count;
    json_t *left_out; /* [{"folder", "why"}]: of which nothing is on the page */
    json_t *remarks;  /* the same of folders that are there in part */
    bool names;       /* labels are shown */
};

/* Reads all of them; what cannot be used is in `left_out`. 0, or -1 with error_text(); close it
 * either way. */
int class_open(struct class *c, const char *const *paths, size_t count, bool names);
void class_close(struct class *c);

/* "student 3", or its label where labels are shown and it has one. Returns `out`. */
#define CLASS_NAME 260
const char *class_name(const struct class *c, const struct class_student *s, char out[CLASS_NAME]);

/* The row of a student's scores for a question, NULL: not asked. */
const struct scores_row *class_row(const struct class_student *s, size_t lab, const char *id);

/* --- class_tally.c: over all students --- */
struct class_tally {
    size_t asked, scored; /* of those asked, those that could be scored */
    size_t counts[SCORES];
    double factor;            /* median of the factors by which numbers were off (1: right); NaN */
    double low, median, high; /* of all measurements of numbers: least, middle, largest; NaN */
    size_t measured;          /* students who measured it */
};
struct class_tally class_tally_of(const struct class *c, size_t lab, size_t question);
/* The median of n numbers, which are sorted; NaN of none. */
double class_median(double *list, size_t n);

/* --- class_machines.c: their machines beside each other, by the rules of compare.h --- */
struct class_compared {
    struct compare_side *sides; /* of each machine, [count + 1] */
    struct compare *list;       /* each beside the first, [count] */
    size_t count;
    bool seeds; /* some students' seeds differ, and with them their data: no bits are compared */
    char why_not[400]; /* why there is none; "" */
};
/* 0, or -1 with error_text(); close it either way. */
int class_compare(const struct class *c, struct class_compared *out);
void class_compared_close(struct class_compared *out);

/* --- as JSON; NULL: no memory --- */
json_t *class_json(const struct class *c);

/* For a terminal: who is there, who is not, and the questions that surprised most. */
void class_print(const struct class *c, FILE *to);

#endif
