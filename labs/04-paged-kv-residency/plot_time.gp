#@ data 9 decode: roof,low,high by element,op,device
#@ plot decode 9: A decode step as a fraction of the read roof
#@ text The roof is the best of several readers of as many bytes, measured in the same rounds: the
#@ text ratio is paired, the bar its 95 % interval. The gather reads the same bytes and only adds
#@ text them up, so what lies between it and the attention is arithmetic, and what lies between it
#@ text and the roof is the order of its addresses. Slab is contiguous; identity goes through a
#@ text block table that names the blocks in order; permuted through one in random order.
#@ table decode: Decode and gather over the roof, over the slab, over the gather
#@ data 10 maps: place,over slab,low,high by width,pages,device where op=gather
#@ plot maps 10: The same bytes through other maps, over a contiguous read of them
#@ text 1 is the speed of a contiguous gather in the same pages, measured in the same rounds. Wide: 8
#@ text heads of float, so that a block of 16 tokens has 64 KiB of keys in one piece. Narrow: one
#@ text head of bfloat16, 4 KiB. Churned is what an allocator's use has left. Aliased counts the
#@ text bytes it asks for: blocks that are named twice are read twice, the second time perhaps from
#@ text a cache.
#@ table maps: Maps, with the cost over the identity map
#@ data 11 blocks: bytes,cost,low,high by width,pages,device
#@ plot blocks 11: What a permuted map costs, by the contiguous bytes of a block
#@ text Time over the identity map's, same pages, same rounds. The identity map of short blocks pays
#@ text for its table, too: the table below has the time over the slab's beside it. If two lines of
#@ text one width and different pages part beyond their intervals, the page size alone matters
#@ text there, and only then may translation be named as the cause.
#@ table blocks: Blocks of 1 to 256 tokens, permuted over identity
#@ data 12 stream: streamed,cost,low,high by kv,device
#@ plot stream 12: Step time against what was read between two steps
#@ text A step, then so much other memory is read, then the step is timed; over the time with nothing
#@ text in between. Where a curve rises the keys and values are pushed out of the last-level cache;
#@ text on the plateau all of them come from memory.
#@ table stream: Steps after reading other memory
#@ data 13 group: flop per byte,gbps by element,place,device
#@ plot groups 13: More queries per KV head: the same bytes, more arithmetic
#@ text Left to right 1, 2, 4 and 8 queries per KV head. Where the curve in cache lies above the one
#@ text in memory, memory is what the step waits for; where they meet, arithmetic is.
#@ table group: Groups, over the gather of the same bytes
#@ data 14 shape: tokens,roof,low,high by map,device
#@ plot shape 14: The same bytes as many short or few long sequences
#@ text From left to right fewer and longer sequences, of the same bytes in all.
#@ data 15 prefetch: roof,low,high by map,device
#@ plot prefetch 15: What a CPU gains from prefetching
#@ text Left to the hardware; the next lines in token order; and lines of several pages in turns. The
#@ text hardware's prefetchers follow few streams and stop at a page's end.
#@ data 16 cycles: cycles,warps by map,device
#@ plot cycles 16: Cycles that the warps of a gather took (GPU)
#@ table pools: Pools that the caches hold, and not; warm and cold
#@ table layouts: Layouts inside a block, over a contiguous nhd read
#@ table walk: Following the block table alone, as a share of the gather
#@ table splits: Splits, over one split
#@ table resources: Registers and spills, as the driver reports them

if (data9_rows > 0) {
    set output out("decode")
    set title "A decode step as a fraction of the read roof"
    set ylabel "fraction of the roof"
    set yrange [0:*]
    set xrange [-0.5:2.7]
    set xtics ("slab" 0.1, "identity" 1.1, "permuted" 2.1)
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data9_blocks-1] "data9.tsv" index i \
             using ($0 + 0.19 * (i - (data9_blocks - 1) / 2.0) + 0.1):2:3:4:(0.17) with boxerrorbars \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data10_rows > 0) {
    set output out("maps")
    set title "The same bytes through other maps"
    set ylabel "speed over a contiguous gather"
    set yrange [0:*]
    set xrange [0.5:8.7]
    set xtics ("identity" 1, "reversed" 2, "within" 3, "permuted" 4, "clustered" 5, "spread" 6, \
               "aliased" 7, "churned" 8)
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data10_blocks-1] "data10.tsv" index i \
             using ($2 + 0.12 * (i - (data10_blocks - 1) / 2.0)):3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 title columnheader(1)
}
eval fresh
if (data11_rows > 0) {
    set output out("blocks")
    set title "What a permuted map costs, by the contiguous bytes of a block"
    eval bytes_x
    set xlabel "contiguous bytes of keys in a block"
    set ylabel "time over the identity map's"
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data11_blocks-1] "data11.tsv" index i using 2:3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 notitle, \
         for [i=0:data11_blocks-1] "data11.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data12_rows > 0) {
    set output out("stream")
    set title "Step time against what was read between two steps"
    set xlabel "MiB of other memory read before the step"
    set ylabel "time over nothing read"
    set logscale x 2
    set xtics ("0" 0.5, "1" 1, "4" 4, "16" 16, "64" 64, "256" 256, "1024" 1024)
    set logscale y 2
    plot for [i=0:data12_blocks-1] "data12.tsv" index i \
             using ($2 < 1 ? 0.5 : $2):4:5 with filledcurves linetype i+1 notitle, \
         for [i=0:data12_blocks-1] "data12.tsv" index i using ($2 < 1 ? 0.5 : $2):3 \
             with linespoints linetype i+1 title columnheader(1)
}
eval fresh
if (data13_rows > 0) {
    set output out("groups")
    set title "More queries per KV head: the same bytes, more arithmetic"
    set xlabel "flop per byte of keys and values"
    set ylabel "GB/s of keys and values"
    set logscale x 2
    set logscale y 2
    plot for [i=0:data13_blocks-1] "data13.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data14_rows > 0) {
    set output out("shape")
    set title "The same bytes as many short or few long sequences"
    set xlabel "tokens in each sequence"
    set ylabel "fraction of the read roof"
    set logscale x 2
    set yrange [0:*]
    plot for [i=0:data14_blocks-1] "data14.tsv" index i using 2:4:5 with filledcurves \
             linetype i+1 notitle, \
         for [i=0:data14_blocks-1] "data14.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data15_rows > 0) {
    set output out("prefetch")
    set title "What a CPU gains from prefetching"
    set ylabel "fraction of the read roof"
    set yrange [0:*]
    set xrange [-0.5:2.5]
    set xtics ("left to the hardware" 0, "next lines" 1, "pages in turns" 2)
    plot for [i=0:data15_blocks-1] "data15.tsv" index i \
             using ($0 + 0.35 * (i - (data15_blocks - 1) / 2.0)):2:3:4:(0.33) with boxerrorbars \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data16_rows > 0) {
    set output out("cycles")
    set title "Cycles that the warps of a gather took"
    set xlabel "clock cycles"
    set ylabel "warps"
    set logscale x 2
    set logscale y 10
    plot for [i=0:data16_blocks-1] "data16.tsv" index i using 2:3 with steps \
             linetype i+1 title columnheader(1)
}
