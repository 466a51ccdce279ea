# Lab 02's plots. The lines with #@ say which tables they take; docs/writing-a-lab.md explains.
#
#@ table replay: Logged runs: their orders, and their replay
#@ text `orders` counts the different orders of the updates (no order is put together of packed halves).
#@ text `replayed` must equal `runs`: that is the claim that order is the only cause. `chains changed`
#@ text is the control: of all addresses of all runs, those where a shuffled order gives other bits.
#@ data 1 ladder: threads or blocks,distinct by device,updates are,load
#@ plot distinct 1: Distinct results of one sum, against the threads or blocks that add
#@ text The same plan on the same numbers, 1,000 times. One thread cannot be overtaken on a CPU; two
#@ text updates of a zero commute, so that sums merged by block first differ with more than two
#@ text blocks. On the SIMT machine the schedule is drawn at random, so that even the threads of one
#@ text block meet in any order there: its line says what a kernel *allows*, not how often it
#@ text happens.
#@ data 2 distribution: ulps,runs by device,plan,load where device=cpu
#@ plot distribution 2: Where the results lie (real threads)
#@ text How often each distance from the exact sum occurred, element by element into one address.
#@ text A single bar would be a sum whose order is fixed. Two peaks far apart are common: they are
#@ text runs in which one thread was done before the other began, and runs in which both kept pace.
#@ data 3 distribution: ulps,runs by device,plan,load where device=simt
#@ plot distribution-simt 3: Where the results lie (SIMT machine, random schedules)
#@ text The same for the schedules that the kernel allows, drawn by a seed. Simulated GPU: bits, no
#@ text timings.
#@ table repeat: Every setting that was repeated
#@ data 4 batches: pair,spread by setting where question=a neighbour
#@ plot load 4: Spread of batches of runs, idle and loaded in turns
#@ text Each point is the standard deviation of a batch of runs, in ULP; both settings were measured
#@ text in turns. The table below holds the answer: the median of the paired differences and its
#@ text interval. When the interval holds 0, the question is *open*.
#@ table load: Does the spread grow?
#@ data 5 reachable: updates,results by data
#@ plot reachable 5: Results that some order of the updates can reach
#@ text Counted by the explorer, not sampled. The grey line is the number of orders that could differ,
#@ text n!/2 (the first two updates commute): far more orders than results.
#@ table reach: Small sums: observed results against reachable ones
#@ text `outside` must be 0. A result that no order gives would be a bug of the model.
#@ table cures: Cures: one result
#@ table range: Fixed point, and numbers that do not fit
#@ text `as documented` is 1 where result and status are what the sum promises for such numbers.
#@ data 6 price: n,ratio,low,high by name,device where place=in cache
#@ data 7 price: n,ratio,low,high by name,device where place=out of cache
#@ plot price 6 7: Price of each way, over the plain atomic sum
#@ text Time over the plain atomic sum's (elements one by one), same rounds, with a 95 % bootstrap
#@ text interval; left group in cache, right group out of it. Below 1 the cure is *cheaper* than
#@ text the disease: a float add has no atomic instruction on a CPU, so that each is a loop around
#@ text a compare-and-swap, while integers have one. Merging before the atomic gains most.
#@ table price: Prices, with intervals
#@ table time: Times of one call, in microseconds

if (data1_rows > 0) {
    set output out("distinct")
    set title "Distinct results in 1,000 runs, uniform data"
    set xlabel "threads or blocks that add"
    set ylabel "distinct results"
    set logscale x 2
    set logscale y 2
    set yrange [0.9:*]
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data2_rows > 0) {
    set output out("distribution")
    set title "Distance of each run's sum from the exact sum"
    set xlabel "ULP from the exact sum"
    set ylabel "runs"
    set yrange [0:*]
    plot for [i=0:data2_blocks-1] "data2.tsv" index i using 2:3 with impulses \
             linetype i+1 linewidth 2 title columnheader(1)
}
eval fresh
if (data3_rows > 0) {
    set output out("distribution-simt")
    set title "Distance of each run's sum from the exact sum, random schedules"
    set xlabel "ULP from the exact sum"
    set ylabel "runs"
    set yrange [0:*]
    plot for [i=0:data3_blocks-1] "data3.tsv" index i using ($2 + 0.12 * (i - data3_blocks / 2.0)):3 \
             with impulses linetype i+1 linewidth 2 title columnheader(1)
}
eval fresh
if (data4_rows > 0) {
    set output out("load")
    set title "Spread of a batch of 25 runs"
    set xlabel "pair of batches"
    set xrange [-1:*]
    set ylabel "standard deviation, ULP"
    set yrange [0:*]
    plot for [i=0:data4_blocks-1] "data4.tsv" index i using 2:3 with points \
             linetype i+1 pointsize 1.1 title columnheader(1)
}
eval fresh
if (data5_rows > 0) {
    set output out("reachable")
    set title "Results within reach of n updates (FP32, one address)"
    set xlabel "updates, n"
    set ylabel "results"
    set logscale y
    set xrange [2:12]
    set xtics 1
    set samples 11
    plot for [i=0:data5_blocks-1] "data5.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1), \
         gamma(x + 1) / 2 with lines linetype grey title "n!/2"
}
eval fresh
if (data6_rows > 0 && data7_rows > 0) {
    set output out("price")
    set title "Time over the plain atomic sum's"
    set xlabel ""
    set ylabel "ratio of times"
    set logscale y 10
    set xrange [-0.4:1.4]
    set xtics ("in cache" 0, "out of cache" 1)
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data6_blocks-1] "data6.tsv" index i \
             using (0.06 * (i - data6_blocks / 2.0)):3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 title columnheader(1), \
         for [i=0:data7_blocks-1] "data7.tsv" index i \
             using (1 + 0.06 * (i - data7_blocks / 2.0)):3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 notitle
}
