# The map's plots of lab 04. The lines with #@ say which tables they take; docs/writing-a-lab.md
# explains.
#
#@ data 1 ladder: range,ns,low,high by curve,device where mode=a line per page
#@ plot ladder 1: Latency of a hop, one line in every 4 KiB
#@ text One line is used in every 4 KiB of the range, so that the number of pages grows and the
#@ text lines still fit a cache. `4k` and `2m` differ in their page size and in nothing else: where
#@ text they part, address translation is the cause. `packed` visits as many lines on few pages:
#@ text where it rises too, the lines themselves have left a cache.
#@ data 2 page-size: range,ratio,low,high by curves,device
#@ plot page-size 2: What the page size alone does
#@ text Time with 4 KiB pages over time with 2 MiB pages, same rounds, with a 95 % bootstrap
#@ text interval. `x8`: eight independent chains, whose page walks overlap. `lines`: every line of
#@ text the range. `4k over packed`: the same lines, spread over pages or not.
#@ table controls: Knees of the ladder, and what their controls do there
#@ text Between `from` and `to` bytes of addresses the chase with 4 KiB pages becomes slower by the
#@ text factor in the next column. Translation is named only where both controls grow by less than
#@ text half of that, on a logarithmic scale. In a virtual machine large pages may be put together
#@ text from 4 KiB ones by the host; the processor then has no larger page to remember, and the
#@ text page size cannot be changed alone. A line in every 4 KiB of 1 MiB tells: it must cost what
#@ text packed lines cost.
#@ data 3 lanes: cold,ns,low,high by chains,device
#@ plot lanes 3: A hop of many lanes, some of them cold
#@ text Joined lanes go on when the last of them has its number. If a warp waits for its slowest
#@ text lane, one cold lane lifts a hop to nearly the level of all cold; if lanes paid for
#@ text themselves, the line would rise evenly from left to right.
#@ data 4 batch: batch,result,splits by rule,device
#@ plot batch 4: Request 0 in a growing batch: which result, from how many splits
#@ text The height is the number of the result (1: the first one seen), the small figure the number
#@ text of splits. Fixed splits: one height, whoever else is in the batch. The heuristic: another
#@ text batch, another number of splits, other bits.
#@ data 5 churn: turnovers,run mean,pages over ideal,page switches by policy where shared=none
#@ plot churn-runs 5: Length of the runs in a batch's table, as the pool ages
#@ text One turnover is as many blocks taken as the pool has. A run is a stretch of a sequence's
#@ text blocks with consecutive ids; 1 means that no two neighbours are left. Shape and free memory
#@ text are the same everywhere.
#@ plot churn-pages 5: 2 MiB pages that a batch touches, over the fewest possible
#@ text Four is the most: the batch takes a quarter of the pool.
#@ data 6 waste: position,from,to by slots
#@ plot waste 6: Where memory goes, on one trace
#@ text All slots of the pool: holding a token, taken without a token (inside), free but in holes
#@ text too small for the request that waits (outside). What is left to 100 % was free and fit.
#@ data 7 replicas: position,ms,low,high,map pages,map runs by kind,pages,device
#@ plot replicas 7: Step times of replicas, sorted
#@ text Each point of the left group is one replica: same shape, same lengths, same number of free
#@ text blocks, same memory behind it; only the block table differs. Bars are 95 % intervals. In
#@ text the middle twins: some of the replicas once more, so that what they differ by is noise. On
#@ text the right made maps: identity, permuted, spread.
#@ plot replica-runs 7: Step times of replicas, against the runs in their maps
#@ text A map of few runs lies in long consecutive stretches. If the points lie on no line, the
#@ text map's runs do not explain the time.
#@ data 8 ladder: range,ns,low,high by curve,device where mode=every line
#@ plot lines 8: Latency of a hop, every line of the range
#@ text The caches, one after another. Compare where the two page sizes part with the plot above.
#@ table bytes: Bytes loaded by a step, counted by the SIMT machine
#@ table same: One content, held in many ways: the hash of the output
#@ table churn: Maps after use
#@ table waste: Waste on one trace
#@ table replicas: Replicas, in order of their time

if (data1_rows > 0) {
    set output out("ladder")
    set title "Pointer chase, one line in every 4 KiB, one chain"
    eval bytes_x
    set xlabel "address range"
    set ylabel "ns per hop"
    set logscale y 2
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:4:5 \
             with filledcurves linetype i+1 notitle, \
         for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data2_rows > 0) {
    set output out("page-size")
    set title "The same chase with one thing changed"
    eval bytes_x
    set xlabel "address range"
    set ylabel "ratio of times"
    set logscale y 2
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data2_blocks-1] "data2.tsv" index i \
             using ($2 * (1 + 0.05 * (i - data2_blocks / 2.0))):3:4:5 with yerrorbars \
             linetype i+1 notitle, \
         for [i=0:data2_blocks-1] "data2.tsv" index i using 2:3 \
             with lines linetype i+1 title columnheader(1)
}
eval fresh
if (data3_rows > 0) {
    set output out("lanes")
    set title "Chains that advance together, some in 16 KiB, some all over 64 MiB"
    set xlabel "cold chains"
    set autoscale xfix
    set ylabel "ns per hop"
    set yrange [0:*]
    plot for [i=0:data3_blocks-1] "data3.tsv" index i using 2:3:4:5 \
             with yerrorbars linetype i+1 notitle, \
         for [i=0:data3_blocks-1] "data3.tsv" index i using 2:3 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data4_rows > 0) {
    set output out("batch")
    set title "The output bits of request 0, and the splits they come from"
    set xlabel "requests in the batch"
    set ylabel "result"
    set logscale x 2
    set yrange [0:*]
    set ytics 1
    plot for [i=0:data4_blocks-1] "data4.tsv" index i using 2:($3 + 0.04 * i) \
             with linespoints linetype i+1 title columnheader(1), \
         for [i=0:data4_blocks-1] "data4.tsv" index i using 2:3:4 \
             with labels offset 0,1.8 notitle
}
eval fresh
if (data5_rows > 0) {
    set output out("churn-runs")
    set title "Blocks per run in a batch's table"
    set xlabel "turnovers of the pool"
    set autoscale xfix
    set ylabel "mean length of a run, blocks"
    set yrange [0:*]
    plot for [i=0:data5_blocks-1] "data5.tsv" index i using 2:3 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data5_rows > 0) {
    set output out("churn-pages")
    set title "Pages of 2 MiB that a batch touches"
    set xlabel "turnovers of the pool"
    set autoscale xfix
    set ylabel "pages, over the fewest possible"
    set yrange [0:*]
    plot for [i=0:data5_blocks-1] "data5.tsv" index i using 2:4 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data6_rows > 0) {
    set output out("waste")
    set title "Slots of the pool, mean over the trace"
    set ylabel "% of all slots"
    set xrange [-0.6:2.6]
    set yrange [0:100]
    set xtics ("blocks" 0, "contiguous, first fit" 1, "contiguous, best fit" 2)
    set style fill solid 0.75 noborder
    plot for [i=0:data6_blocks-1] "data6.tsv" index i \
             using 2:(($3+$4)/2):($2-0.3):($2+0.3):3:4 with boxxyerror \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data7_rows > 0) {
    set output out("replicas")
    set title "One step, same shape, same free memory, many maps"
    set xlabel "replicas by step time; then twins; then made maps"
    set ylabel "ms per step"
    set autoscale xfix
    plot for [i=0:data7_blocks-1] "data7.tsv" index i using ($2 + 0.05 * i):3:4:5 \
             with yerrorbars linetype i+1 pointsize 1 title columnheader(1)
}
eval fresh
if (data7_rows > 0) {
    set output out("replica-runs")
    set title "Step time against the runs in the map"
    set xlabel "runs of consecutive blocks in the batch's table"
    set ylabel "ms per step"
    set logscale x 2
    plot for [i=0:data7_blocks-1] "data7.tsv" index i using 7:3 \
             with points linetype i+1 pointsize 1.2 title columnheader(1)
}
eval fresh
if (data8_rows > 0) {
    set output out("lines")
    set title "Pointer chase, every line, one chain"
    eval bytes_x
    set xlabel "footprint"
    set ylabel "ns per hop"
    set logscale y 2
    plot for [i=0:data8_blocks-1] "data8.tsv" index i using 2:4:5 \
             with filledcurves linetype i+1 notitle, \
         for [i=0:data8_blocks-1] "data8.tsv" index i using 2:3 \
             with linespoints linetype i+1 title columnheader(1)
}
