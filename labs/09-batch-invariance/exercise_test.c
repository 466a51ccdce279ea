/* exercise_test.c: the checker of this lab's exercise; the tests are in the fixture. */
#define FOLDER "labs/09-batch-invariance/exercise"

static const char *const exercises[] = {"field"};

#include "harness/lab/exercise_fixture.h"
