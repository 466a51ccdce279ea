/* exercise_test.c: the checker of this lab's exercises; the tests are in the fixture. */
#define FOLDER "labs/04-paged-kv-residency/exercise"

static const char *const exercises[] = {"bytes", "attend", "blocks", "gather"};

#include "harness/lab/exercise_fixture.h"
