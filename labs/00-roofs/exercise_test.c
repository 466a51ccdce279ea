/* exercise_test.c: the checker of this lab's exercises; the tests are in the fixture. */
#define FOLDER "labs/00-roofs/exercise"

static const char *const exercises[] = {"fraction", "impossible", "sum_fast"};

#define ALL_ATTACKS
#include "harness/lab/exercise_fixture.h"
