/* exercise_test.c: the checker of this lab's exercises; the tests are in the fixture. */
#define FOLDER "labs/02-atomics-ordering/exercise"

static const char *const exercises[] = {"order_free", "reach", "replay"};

#define ALL_ATTACKS
#include "harness/lab/exercise_fixture.h"
