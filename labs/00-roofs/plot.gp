# Lab 00's plots. The lines with #@ say which tables they take; docs/writing-a-lab.md explains.
#
#@ data 1 bandwidth: bytes,gbps,low,high by op,threads,device
#@ plot bandwidth 1: Bandwidth by footprint, the best kernel of each kind
#@ text Each step down is a cache that no longer holds the footprint; the level on the right is
#@ text memory. The band is the 95 % interval of the median. A copy counts what it reads and what
#@ text it writes. These curves are the roofs that other labs divide by.
#@ data 2 readers: bytes,gbps,low,high by kernel,threads,device
#@ plot readers 2: Read bandwidth of every reader
#@ text How many places a thread reads at a time, and how far ahead it prefetches, decides what it
#@ text reaches. The roof is the upper edge of all these curves.
#@ table streams: Readers at the smallest and the largest footprint
#@ text Measured together, one contest for each number of threads: what 00.2 and 00.5 rest on.
#@ text "times memory" is the speed over that of the fastest reader of the largest footprint.
#@ table multiply-adds: Multiply-adds for each instruction set
#@ text Beside all threads stands how many times the multiply-adds of one they do.
#@ table atomics: Atomic updates of private and of shared addresses
#@ table calls: What it takes to call, to hand work over, and to launch

if (data1_rows > 0) {
    set output out("bandwidth")
    set title "Bandwidth by footprint"
    eval bytes_x
    set xlabel "footprint"
    set ylabel "GB/s"
    set logscale y 2
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:4:5 with filledcurves \
             linetype i+1 notitle, \
         for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data2_rows > 0) {
    set output out("readers")
    set title "Read bandwidth of every reader"
    eval bytes_x
    set xlabel "footprint"
    set ylabel "GB/s"
    set logscale y 2
    set key below maxcols 2
    unset bmargin
    plot for [i=0:data2_blocks-1] "data2.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
