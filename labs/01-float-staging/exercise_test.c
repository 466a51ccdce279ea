/* exercise_test.c: the checker of this lab's exercises; the tests are in the fixture. */
#define FOLDER "labs/01-float-staging/exercise"

static const char *const exercises[] = {"pairwise", "shuffle", "two_lanes", "block_sum"};

/* This checker is `nanolab reveal`, whose words are its own. */
#define OTHER_WORDS
#define ALL_ATTACKS
#include "harness/lab/exercise_fixture.h"
