# Lab 01's plots. The lines with #@ say which tables they take; docs/writing-a-lab.md explains.
#
#@ data 1 distinct: n,distinct,plans by data,device where method=plain
#@ data 2 distinct: n,distinct,plans by data,device where method=binned
#@ plot distinct 1: Distinct results over all plans
#@ text Every plan adds the same numbers. A flat line at 1 means that no plan changed a bit; a line
#@ text that climbs means that the plan decides the last bits. The binned sum (grey) stays at 1
#@ text whatever the plan: that is what it is for. Few numbers leave little to stage, so that all
#@ text lines start near 1.
#@ data 3 error: n,median,smallest,largest,bound by data where view=plain cuda
#@ data 8 error: n,median,smallest,largest,bound by data where view=plain simt
#@ data 9 error: n,median,smallest,largest,bound by data where view=plain cpu
#@ plot error-cuda 3: Error of the plain plans on the GPU, relative to the exact sum
#@ plot error-simt 8: Error of the kernels' plain plans (SIMT machine), relative to the exact sum
#@ plot error-cpu 9: Error of the native plain plans (CPU), relative to the exact sum
#@ text A band runs from the best plan's error to the worst one's, its line is the median, and the
#@ text dashes are the largest bound among the plans. A result above its own bound would be a bug,
#@ text and the run would have failed. Cancelling data lie highest: the errors are those of
#@ text ordinary numbers, but the sum they are compared with is a million times smaller.
#@ data 4 error: n,median,smallest,largest,bound by method,device where data=cancelling
#@ plot cures-error 4: What the cures do to the error, cancelling data
#@ text Median error over the plans of each method. Errors below 1e-18 (exact sums) are drawn at
#@ text 1e-18. A compensated sum gains about eight digits on a plain one in FP32.
#@ data 5 bandwidth: bytes,gbps,low,high,roof fraction by role,threads
#@ plot bandwidth 5: Sums against the machine's read bandwidth
#@ text One mark per plan or library: the share of the measured read bandwidth (the roof of lab 00)
#@ text that it reaches. Plain plans that sit at 1 are bound by memory: no cleverness in adding
#@ text can speed them up. Values a little above 1 mean that the roof itself moved while measuring.
#@ data 6 price: bytes,ratio,low,high by what,threads where kind=cure
#@ data 7 price: bytes,ratio,low,high by what,threads where kind=library
#@ plot price 6: Price of the cures, over the best plain plan
#@ text Time of the cure over the time of the best plain plan, both measured in the same rounds, with
#@ text a 95 % bootstrap interval. In cache, the arithmetic shows; out of cache, memory hides it.
#@ plot libraries 7: The best plain plan against the libraries
#@ text Time of our best plain plan over the library's, same data, same rounds, same number of
#@ text threads, with a 95 % bootstrap interval. Below 1 we are faster.
#@ table price: Ratios of time, with intervals
#@ table occupancy: Bits of a fixed grid and of grids that follow the machine
#@ text Same numbers, same code. Within a data set the fixed grid's bits stay; the derived grid, as
#@ text many blocks as the machine holds (threads, on a CPU), gives other bits on other machines.
#@ table libraries: Trees of library sums
#@ text A library that has no tree is turned down by name: a wrong result, an exact sum, an order
#@ text that depends on the data. "Rule" tells the arithmetic that gives every bit.

if (data1_rows > 0) {
    set output out("distinct")
    set title "Distinct results over all plans (FP32)"
    eval powers_x
    set xlabel "numbers summed, n"
    set ylabel "distinct results"
    set logscale y 2
    set yrange [0.9:*]
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1), \
         for [i=0:data2_blocks-1] "data2.tsv" index i using 2:3 with lines \
             linetype grey title (i == 0 ? "binned, all data" : "")
}
eval fresh
if (data3_rows > 0) {
    set output out("error-cuda")
    set title "Relative error of the plain plans: best, median, worst, and bound"
    eval powers_x
    set logscale y
    set format y "1e%T"
    set xlabel "numbers summed, n"
    set ylabel "|result - exact| / |exact|"
    set xrange [32:*]
    set yrange [1e-10:*]
    plot for [i=0:data3_blocks-1] "data3.tsv" index i using 2:4:5 with filledcurves \
             linetype i+1 notitle, \
         for [i=0:data3_blocks-1] "data3.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1), \
         for [i=0:data3_blocks-1] "data3.tsv" index i using 2:6 with lines \
             linetype i+1 linewidth 1 dashtype 3 notitle
}
eval fresh
if (data8_rows > 0) {
    set output out("error-simt")
    set title "Relative error of the plain plans: best, median, worst, and bound"
    eval powers_x
    set logscale y
    set format y "1e%T"
    set xlabel "numbers summed, n"
    set ylabel "|result - exact| / |exact|"
    set xrange [32:*]
    set yrange [1e-10:*]
    plot for [i=0:data8_blocks-1] "data8.tsv" index i using 2:4:5 with filledcurves \
             linetype i+1 notitle, \
         for [i=0:data8_blocks-1] "data8.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1), \
         for [i=0:data8_blocks-1] "data8.tsv" index i using 2:6 with lines \
             linetype i+1 linewidth 1 dashtype 3 notitle
}
eval fresh
if (data9_rows > 0) {
    set output out("error-cpu")
    set title "Relative error of the plain plans: best, median, worst, and bound"
    eval powers_x
    set logscale y
    set format y "1e%T"
    set xlabel "numbers summed, n"
    set ylabel "|result - exact| / |exact|"
    set xrange [32:*]
    set yrange [1e-10:*]
    plot for [i=0:data9_blocks-1] "data9.tsv" index i using 2:4:5 with filledcurves \
             linetype i+1 notitle, \
         for [i=0:data9_blocks-1] "data9.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1), \
         for [i=0:data9_blocks-1] "data9.tsv" index i using 2:6 with lines \
             linetype i+1 linewidth 1 dashtype 3 notitle
}
eval fresh
if (data4_rows > 0) {
    set output out("cures-error")
    set title "Median relative error by method (cancelling data, condition 1e6)"
    eval powers_x
    set logscale y
    set format y "1e%T"
    set xlabel "numbers summed, n"
    set ylabel "|result - exact| / |exact|"
    plot for [i=0:data4_blocks-1] "data4.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data5_rows > 0) {
    set output out("bandwidth")
    set title "Share of the measured read bandwidth"
    eval bytes_x
    set xlabel "bytes summed"
    set ylabel "share of the read roof"
    set yrange [0:*]
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    # Roles side by side, so that marks at one size do not hide each other.
    plot for [i=0:data5_blocks-1] "data5.tsv" index i \
             using ($2 * (1 + 0.09 * (i - data5_blocks / 2.0))):6 with points \
             linetype i+1 pointsize 1.2 title columnheader(1)
}
eval fresh
if (data6_rows > 0) {
    set output out("price")
    set title "Price of the cures: time over the best plain plan's"
    eval bytes_x
    set xlabel "bytes summed"
    set ylabel "ratio of times"
    set yrange [0:*]
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data6_blocks-1] "data6.tsv" index i using 2:3:4:5 with yerrorlines \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data7_rows > 0) {
    set output out("libraries")
    set title "Our best plain plan: time over the library's"
    eval bytes_x
    set xlabel "bytes summed"
    set ylabel "ratio of times"
    set yrange [0:*]
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data7_blocks-1] "data7.tsv" index i using 2:3:4:5 with yerrorlines \
             linetype i+1 title columnheader(1)
}
