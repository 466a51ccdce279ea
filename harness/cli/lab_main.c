/*
 * lab_main.c: main() of every lab's executable, for the lab that lab.c defines.
 */
#include "harness/lab/run.h"

int main(int argc, char **argv) {
    return run_main(&lab, argc, argv);
}
