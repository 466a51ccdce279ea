/* exercise_test.c: the checker of this lab's exercise; the tests are in the fixture. */
#define FOLDER "labs/08-token-margins/exercise"

static const char *const exercises[] = {"bound"};

#include "harness/lab/exercise_fixture.h"
