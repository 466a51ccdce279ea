/*
 * nanolab.c: main() of the driver. All of it is in driver.c, where tests can reach it.
 */
#include "harness/cli/driver.h"

int main(int argc, char **argv) {
    return driver_main(argc, argv);
}
