/*
 * compare_cells.h: the bits that a case recorded, by their places, and which of two sides' are not
 * the same: cells of its parameters and rows under names whose unit is bits, and series of bits
 * that lie in the line. What lies in a side file is too long to be looked at.
 */
#ifndef NANOLAB_HARNESS_COMPARE_CELLS_H
#define NANOLAB_HARNESS_COMPARE_CELLS_H

#include <jansson.h>
#include <stddef.h>

#define COMPARE_CELLS_KEPT ((size_t)4096) /* of a case */
#define COMPARE_CELLS 4                   /* that are shown */
#define COMPARE_CELL_BYTES 96
#define COMPARE_CELL_VALUE 72

/* {place: bits}, places as they are shown: "measured", "row 2, measured", "sums, 3 of 12"; the
 * first COMPARE_CELLS_KEPT. `units`: the start record's quantities. NULL: no memory. */
json_t *compare_cells_of(const json_t *units, const json_t *record);

struct compare_cell {
    char place[COMPARE_CELL_BYTES];     /* made harmless, as the values */
    char values[2][COMPARE_CELL_VALUE]; /* "-": that side has none there */
};
struct compare_cells {
    struct compare_cell list[COMPARE_CELLS]; /* the first, in the order of the record */
    size_t differ, all;                      /* of the places that one side has at least */
};
/* Of two that compare_cells_of() gave; NULL: none. */
struct compare_cells compare_cells(const json_t *first, const json_t *second);

/* {"differ", "of", "first": [{"place", "values"}]} */
json_t *compare_cells_json(const struct compare_cells *c);

#endif
