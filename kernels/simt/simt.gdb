# For gdb on kernels that the SIMT machine runs (see CONTRIBUTING.md):
#   gdb -x kernels/simt/simt.gdb build/gdb/tests/kernels/sum/sum_test
# CUDA's names, for print and for conditions of breakpoints.
macro define threadIdx simt::running->current->self.thread
macro define blockIdx simt::running->current->self.block->index
macro define blockDim simt::running->current->self.block->dim
macro define gridDim simt::running->current->self.block->grid
# The watchdog's signal comes while a kernel runs, or stands at a breakpoint.
handle SIG41 nostop noprint pass
