#@ data 1 difference: n,ulps by device
#@ plot difference 1: Forwards against backwards
#@ text How many floats lie between the two sums. 0 means the same bits.
#@ table difference: Forwards against backwards, all sizes
if (data1_rows > 0) {
    set output out("difference")
    set title "Forwards against backwards"
    set logscale x 2
    set xlabel "terms"
    set ylabel "distance (ULP)"
    set yrange [0:*]
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
