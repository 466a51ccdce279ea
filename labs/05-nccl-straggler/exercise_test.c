/* exercise_test.c: the checker of this lab's exercises; the tests are in the fixture. */
#define FOLDER "labs/05-nccl-straggler/exercise"

static const char *const exercises[] = {"culprit", "without"};

#include "harness/lab/exercise_fixture.h"
