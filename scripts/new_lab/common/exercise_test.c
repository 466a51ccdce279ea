/* exercise_test.c: the checker of this lab's exercise; the tests are in the fixture. */
#define FOLDER "labs/@NN@-@NAME@/exercise"

static const char *const exercises[] = {"@EXERCISE@"};

/* To begin with; a lab that is done has three and eight of each, which is what is asked without this. */
#define LEAST_RIGHT 1
#define LEAST_WRONG 2
#include "harness/lab/exercise_fixture.h"
