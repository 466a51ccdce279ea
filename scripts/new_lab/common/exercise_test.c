/* exercise_test.c: the checker of this lab's exercise; the tests are in the fixture. */
#define FOLDER "labs/@NN@-@NAME@/exercise"

static const char *const exercises[] = {"@EXERCISE@"};

#include "harness/lab/exercise_fixture.h"
