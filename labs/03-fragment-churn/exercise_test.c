/* exercise_test.c: the checker of this lab's exercises; the tests are in the fixture. */
#define FOLDER "labs/03-fragment-churn/exercise"

static const char *const exercises[] = {"invariant", "step"};

#include "harness/lab/exercise_fixture.h"
