# Lab 04's plots in the order of its story: bits and bytes, latency, maps after use, gathers, decode
# steps, replicas. The lines with #@ say which tables they take; docs/writing-a-lab.md explains.
# Tables are shown where no plot says the same; the result folder has all of them.
#
#@ table bytes: Bytes loaded by a step, counted by the SIMT machine
#@ text Bytes. `kv`, what was loaded of keys and values, must equal `formula`. `distinct` is less
#@ text where blocks of a prefix are `shared`: the second load is asked for like the first.
#@ text `other`: queries, table, lengths.
#@ data 1 batch: batch,result,splits by rule,device
#@ plot batch 1: Request 0 in a growing batch: which result, from how many splits
#@ text The height is the number of the result (1: the first one seen), the small figure the number
#@ text of splits. Fixed splits: one height, whoever else is in the batch. The heuristic: another
#@ text batch, another number of splits, other bits.
#@ data 2 ladder: range,ns,low,high by curve,device where mode=a line per page
#@ plot ladder 2: Latency of a hop, one line in every 4 KiB
#@ text One line is used in every 4 KiB of the range, so that the number of pages grows and the
#@ text lines still fit a cache. `4k` and `2m` differ in their page size and in nothing else: where
#@ text they part, address translation is the cause. `packed` visits as many lines on few pages:
#@ text where it rises too, the lines themselves have left a cache.
#@ data 3 ladder: range,ns,low,high by curve,device where mode=every line
#@ plot lines 3: Latency of a hop, every line of the range
#@ text The caches, one after another. Compare where the two page sizes part with the plot above.
#@ text Grey, for orientation: GPUs as others published them (cycles per dependent load, markdewing/AI_kernels,
#@ text commit d916a39b, MIT), at the card's highest clock, so at least so many ns; see `results/published`.
#@ published 24 latency: bytes,ns by who
#@ data 4 page-size: range,ratio,low,high by curves,device
#@ plot page-size 4: The same chase with one thing changed
#@ text Times over each other, same rounds, with a 95 % bootstrap interval. Three lines change the
#@ text page size alone: `4k over 2m`, one chain with a line per page; `x8`, eight independent
#@ text chains, whose page walks overlap; `lines`, every line of the range. `packed over 4k` leaves
#@ text the page size as it is and packs the lines: below 1 where touching many pages costs.
#@ table controls: Knees of the ladder, and what their controls do there
#@ text Between `from` and `to` KiB of addresses the chase with 4 KiB pages becomes slower by the
#@ text factor in the next column. Translation is named only where both controls grow by less than
#@ text half of that, on a logarithmic scale. In a virtual machine large pages may be put together
#@ text from 4 KiB ones by the host; the processor then has no larger page to remember, and the
#@ text page size cannot be changed alone. A line in every 4 KiB of 1 MiB tells: it must cost what
#@ text packed lines cost.
#@ data 5 lanes: cold,ns,low,high by chains,device
#@ plot lanes 5: A hop of many lanes, some of them cold
#@ text Joined lanes go on when the last of them has its number. If a warp waits for its slowest
#@ text lane, one cold lane lifts a hop to nearly the level of all cold; if lanes paid for
#@ text themselves, the line would rise evenly from left to right.
#@ data 6 churn: turnovers,run mean,pages over ideal,page switches by policy where shared=none
#@ plot churn-runs 6: Length of the runs in a batch's table, as the pool ages
#@ text One turnover is as many blocks taken as the pool has. A run is a stretch of a sequence's
#@ text blocks with consecutive ids; 1 means that no two neighbours are left. Shape and free memory
#@ text are the same everywhere.
#@ plot churn-pages 6: 2 MiB pages that a batch touches, over the fewest possible
#@ text Four is the most: the batch takes a quarter of the pool, and at worst a block of every page.
#@ data 7 waste: position,from,to by slots
#@ plot waste 7: Where memory goes, on one trace
#@ text All slots of the pool: holding a token, taken without a token (inside), free but in holes
#@ text too small for the request that waits (outside). What is left to 100 % was free and fit.
#@ data 8 maps: place,over slab,low,high by width,pages,device where op=gather
#@ plot maps 8: The same bytes through other maps, over a contiguous read of them
#@ text 1 is the time of a contiguous gather in the same pages, measured in the same rounds. Wide:
#@ text 8 heads of float, so that a block of 16 tokens has 64 KiB of keys in one piece. Narrow: one
#@ text head of bfloat16, 4 KiB. Churned is what an allocator's use has left. Aliased counts the
#@ text bytes it asks for: blocks that are named twice are read twice, the second time perhaps from
#@ text a cache.
#@ data 9 blocks: bytes,cost,low,high by width,pages,device
#@ plot blocks 9: What a permuted map costs, by the contiguous bytes of a block
#@ text Time over the identity map's, same pages, same rounds. The identity map of short blocks
#@ text pays for its table, too; `blocks.tsv` has the time over the slab's. If two lines of one
#@ text width and different pages part beyond their intervals, the page size alone matters there,
#@ text and only then may translation be named as the cause.
#@ table ways: Ways in which a CPU asks ahead, by turns
#@ text The fastest one is taken by all later steps: that of attention through a permuted table, and
#@ text that of a gather with its blocks in order.
#@ table maps: The same bytes through every map
#@ text Times over the slab's gather, and over the identity map's (`cost`), with 95 % intervals.
#@ table layouts: Layouts, over the slab
#@ text Times of the same bytes in each layout, permuted: what lies together in a block differs.
#@ data 10 cycles: cycles,warps by map,device
#@ plot cycles 10: Cycles that the warps of a gather took (GPU)
#@ text Further right is slower. Two humps are two kinds of warps, such as those whose memory is
#@ text near and far; a tail is what the other warps of the step wait for.
#@ table pools: Pools that the caches hold and others, warm and cold
#@ text `warm`: the step ran just before. `cold`: other memory was read in between. `cost` is time
#@ text over the identity map's.
#@ table walk: Following the block table alone, in percent of the gather's time
#@ text Time of following the table to every block and loading nothing else. It is little, unless
#@ text the table itself is cold.
#@ data 11 decode: roof,low,high by element,op,device
#@ plot decode 11: A decode step as a fraction of the read roof
#@ text The roof is the best of several readers of as many bytes, measured in the same rounds: the
#@ text ratio is paired, the bar its 95 % interval. The gather reads the same bytes and only adds
#@ text them up, so what lies between it and the attention is arithmetic, and what lies between it
#@ text and the roof is the order of its addresses. Slab is contiguous; identity goes through a
#@ text block table that names the blocks in order; permuted through one in random order.
#@ table decode: A decode step, over the roof, the slab and its gather
#@ text The roof's column is speed over speed, the others time over time; each with its interval.
#@ data 12 prefetch: roof,low,high by map,device
#@ plot prefetch 12: What a CPU gains from prefetching
#@ text Left to the hardware; the next lines in token order; and lines of several pages in turns.
#@ text The hardware's prefetchers follow few streams and stop at a page's end.
#@ data 13 shape: tokens,roof,low,high by map,device
#@ plot shape 13: The same bytes as many short or few long sequences
#@ text From left to right fewer and longer sequences, of the same bytes in all.
#@ table splits: Splits, over one split
#@ text Splits help where a batch is too small to occupy the device, and change the bits.
#@ data 14 group: flop per byte,gbps by element,place,device
#@ plot groups 14: More queries per KV head: the same bytes, more arithmetic
#@ text Left to right 1, 2, 4 and 8 queries per KV head. Where the curve in cache lies above the one
#@ text in memory, memory is what the step waits for; where they meet, arithmetic is.
#@ data 15 stream: streamed,cost,low,high by kv,device
#@ plot stream 15: Step time against what was read between two steps
#@ text A step, then so much other memory is read, then the step is timed; over the time with
#@ text nothing in between. Where a curve rises the keys and values are pushed out of the
#@ text last-level cache; on the plateau all of them come from memory.
#@ table resources: Registers and spills, as the driver reports them
#@ text Rows of one plan must not differ: residency changes no register.
#@ data 16 replicas: position,ms,low,high,map runs,policy by kind,pages,device
#@ plot replicas 16: Step times of replicas, sorted
#@ text Each point of the left group is one replica: same shape, same lengths, same number of free
#@ text blocks, same memory behind it; only the block table differs, by the policy (written there
#@ text where there is room; the table below has it), by the requests, or by how long it has been
#@ text up. Bars are 95 % intervals. In the middle twins: some of the replicas once more, so that
#@ text what they differ by is noise. On the right made maps. If all bars overlap, the machine was
#@ text too busy to tell.
#@ table replicas: Replicas and their maps
#@ text Step time in ms with its interval, beside what the map looks like to the memory system.
#@ plot replica-runs 16: Step times of replicas, against the runs in their maps
#@ text A map of few runs lies in long consecutive stretches. Of the two made maps with the most
#@ text runs, `permuted` and `spread`, the second still takes the blocks of each 2 MiB in order. If
#@ text the points lie on no line, the map's runs do not explain the time.
#@ data 17 cost: predicted,ms,low,high by use,pages,device
#@ plot cost 17: A cost model: steps as predicted and as measured
#@ text Each point is one map, after other memory was read. Three prices, of a byte asked for, of a
#@ text byte missed and of a page walk that misses the first cache, are fitted to the points
#@ text `fitted`; those `held out` had no part in it. On the line a step takes what was predicted.
#@ table cost: Steps, what the model counts in them, and what it predicts

# A log axis that ends where the data do, and not at the next power of two; and bars side by side,
# as wide as their number allows.
tight_y = 'set logscale y 2; set autoscale yfix; ' . \
    'set offsets graph 0.02, graph 0.02, graph 0.04, graph 0.04'
beside(i, n) = (i - (n - 1) / 2.0) * 0.8 / n

if (data1_rows > 0) {
    set output out("batch")
    set title "The output bits of request 0, and the splits they come from"
    set xlabel "requests in the batch"
    set ylabel "result"
    set logscale x 2
    set yrange [0:*]
    set ytics 1
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:($3 + 0.04 * i) \
             with linespoints linetype i+1 title columnheader(1), \
         for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3:4 \
             with labels offset 0,1.8 notitle
}
eval fresh
if (data2_rows > 0) {
    set output out("ladder")
    set title "Pointer chase, one line in every 4 KiB, one chain"
    eval bytes_x
    set xlabel "address range"
    set ylabel "ns per hop"
    eval tight_y
    plot for [i=0:data2_blocks-1] "data2.tsv" index i using 2:4:5 \
             with filledcurves linetype i+1 notitle, \
         for [i=0:data2_blocks-1] "data2.tsv" index i using 2:3 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data3_rows > 0) {
    set output out("lines")
    set title "Pointer chase, every line, one chain"
    eval bytes_x
    set xlabel "footprint"
    set ylabel "ns per hop"
    eval tight_y
    plot for [i=0:data3_blocks-1] "data3.tsv" index i using 2:4:5 \
             with filledcurves linetype i+1 notitle, \
         for [i=0:data3_blocks-1] "data3.tsv" index i using 2:3 \
             with linespoints linetype i+1 title columnheader(1), \
         for [i=0:data24_blocks-1] "data24.tsv" index i using 2:3 \
             with lines linetype grey dashtype i+2 title columnheader(1)
}
eval fresh
if (data4_rows > 0) {
    set output out("page-size")
    set title "The same chase with one thing changed"
    eval bytes_x
    set xlabel "address range"
    set ylabel "ratio of times"
    eval tight_y
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data4_blocks-1] "data4.tsv" index i \
             using ($2 * 1.03 ** (i - data4_blocks / 2.0)):3:4:5 with yerrorbars \
             linetype i+1 notitle, \
         for [i=0:data4_blocks-1] "data4.tsv" index i \
             using ($2 * 1.03 ** (i - data4_blocks / 2.0)):3 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data5_rows > 0) {
    set output out("lanes")
    set title "Chains that advance together, some in 16 KiB, some all over 64 MiB"
    set xlabel "cold chains"
    set logscale x 2
    set autoscale xfix
    set xtics ("0" 0.5, "1" 1, "2" 2, "4" 4, "8" 8, "16" 16, "32" 32)
    set ylabel "ns per hop"
    set yrange [0:*]
    plot for [i=0:data5_blocks-1] "data5.tsv" index i using ($2 < 1 ? 0.5 : $2):3:4:5 \
             with yerrorbars linetype i+1 notitle, \
         for [i=0:data5_blocks-1] "data5.tsv" index i using ($2 < 1 ? 0.5 : $2):3 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data6_rows > 0) {
    set output out("churn-runs")
    set title "Blocks per run in a batch's table"
    set xlabel "turnovers of the pool"
    set autoscale xfix
    set ylabel "mean length of a run, blocks"
    set yrange [0:*]
    plot for [i=0:data6_blocks-1] "data6.tsv" index i using 2:3 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data6_rows > 0) {
    set output out("churn-pages")
    set title "Pages of 2 MiB that a batch touches"
    set xlabel "turnovers of the pool"
    set autoscale xfix
    set ylabel "pages, over the fewest possible"
    set yrange [0:*]
    plot for [i=0:data6_blocks-1] "data6.tsv" index i using 2:4 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data7_rows > 0) {
    set output out("waste")
    set title "Slots of the pool, mean over the trace"
    set ylabel "% of all slots"
    set xrange [-0.6:2.6]
    set yrange [0:100]
    set xtics ("blocks" 0, "contiguous, first fit" 1, "contiguous, best fit" 2)
    set style fill solid 0.75 noborder
    plot for [i=0:data7_blocks-1] "data7.tsv" index i \
             using 2:(($3+$4)/2):($2-0.3):($2+0.3):3:4 with boxxyerror \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data8_rows > 0) {
    set output out("maps")
    set title "The same bytes through other maps"
    set ylabel "time over a contiguous gather"
    set yrange [0:*]
    set xrange [0.5:8.7]
    set xtics ("identity" 1, "reversed" 2, "within" 3, "permuted" 4, "clustered" 5, "spread" 6, \
               "aliased" 7, "churned" 8)
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data8_blocks-1] "data8.tsv" index i \
             using ($2 + 0.7 * beside(i, data8_blocks)):3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 title columnheader(1)
}
eval fresh
if (data9_rows > 0) {
    set output out("blocks")
    set title "What a permuted map costs, by the contiguous bytes of a block"
    eval bytes_x
    set xlabel "contiguous bytes of keys in a block"
    set ylabel "time over the identity map's"
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data9_blocks-1] "data9.tsv" index i using 2:3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 notitle, \
         for [i=0:data9_blocks-1] "data9.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data10_rows > 0) {
    set output out("cycles")
    set title "Cycles that the warps of a gather took"
    set xlabel "clock cycles"
    set ylabel "warps"
    set logscale x 2
    set logscale y 10
    plot for [i=0:data10_blocks-1] "data10.tsv" index i using 2:3 with steps \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data11_rows > 0) {
    set output out("decode")
    set title "A decode step as a fraction of the read roof"
    set ylabel "fraction of the roof"
    set yrange [0:*]
    set style fill solid 0.5 noborder
    set xrange [-0.6:2.6]
    set xtics ("slab" 0, "identity" 1, "permuted" 2)
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data11_blocks-1] "data11.tsv" index i \
             using ($0 + beside(i, data11_blocks)):2:3:4:(0.7 / data11_blocks) with boxerrorbars \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data12_rows > 0) {
    set output out("prefetch")
    set title "What a CPU gains from prefetching"
    set ylabel "fraction of the read roof"
    set yrange [0:*]
    set style fill solid 0.5 noborder
    set xrange [-0.6:2.6]
    set xtics ("left to the hardware" 0, "next lines" 1, "pages in turns" 2)
    plot for [i=0:data12_blocks-1] "data12.tsv" index i \
             using ($0 + beside(i, data12_blocks)):2:3:4:(0.75 / data12_blocks) with boxerrorbars \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data13_rows > 0) {
    set output out("shape")
    set title "The same bytes as many short or few long sequences"
    set xlabel "tokens in each sequence"
    set ylabel "fraction of the read roof"
    set logscale x 2
    set yrange [0:*]
    plot for [i=0:data13_blocks-1] "data13.tsv" index i using 2:4:5 with filledcurves \
             linetype i+1 notitle, \
         for [i=0:data13_blocks-1] "data13.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data14_rows > 0) {
    set output out("groups")
    set title "More queries per KV head: the same bytes, more arithmetic"
    set xlabel "flop per byte of keys and values"
    set ylabel "GB/s of keys and values"
    set logscale x 2
    eval tight_y
    plot for [i=0:data14_blocks-1] "data14.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data15_rows > 0) {
    set output out("stream")
    set title "Step time against what was read between two steps"
    set xlabel "MiB of other memory read before the step"
    set ylabel "time over nothing read"
    set logscale x 2
    set xtics ("0" 0.5, "1" 1, "4" 4, "16" 16, "64" 64, "256" 256, "1024" 1024)
    eval tight_y
    plot for [i=0:data15_blocks-1] "data15.tsv" index i \
             using ($2 < 1 ? 0.5 : $2):4:5 with filledcurves linetype i+1 notitle, \
         for [i=0:data15_blocks-1] "data15.tsv" index i using ($2 < 1 ? 0.5 : $2):3 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data16_rows > 0) {
    set output out("replicas")
    set title "One step, same shape, same free memory, many maps"
    set xlabel "replicas by step time; then twins; then made maps"
    set ylabel "ms per step"
    set autoscale xfix
    unset xtics
    plot for [i=0:data16_blocks-1] "data16.tsv" index i \
             using ($2 + 0.4 * (i / 3)):3:4:5 with yerrorbars linetype i+1 pointsize 1 \
             title columnheader(1), \
         for [i=0:data16_blocks-1] "data16.tsv" index i \
             using ($2 + 0.4 * (i / 3)):5:(data16_rows > 45 ? "" : strcol(7)) \
             with labels rotate left offset 0,0.5 font ",10" notitle
}
eval fresh
if (data16_rows > 0) {
    set output out("replica-runs")
    set title "Step time against the runs in the map"
    set xlabel "runs of consecutive blocks in the batch's table"
    set ylabel "ms per step"
    set logscale x 2
    plot for [i=0:data16_blocks-1] "data16.tsv" index i using 6:3 \
             with points linetype i+1 pointsize 1.2 title columnheader(1)
}
eval fresh
if (data17_rows > 0) {
    set output out("cost")
    set title "A step's time, predicted by three prices"
    set xlabel "ms predicted"
    set ylabel "ms measured"
    set xrange [0:*]
    set yrange [0:*]
    plot x with lines linetype grey notitle, \
         for [i=0:data17_blocks-1] "data17.tsv" index i using 2:3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.2 title columnheader(1)
}
