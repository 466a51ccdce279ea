#@ data 1 difference: n,ulps by device
#@ plot difference 1: A warp's sum against a loop's
#@ text How many floats lie between the two sums. 0 means the same bits. All devices show the same.
#@ table difference: A warp's sum against a loop's, all sizes
if (data1_rows > 0) {
    set output out("difference")
    set title "A warp's sum against a loop's"
    set logscale x 2
    set xlabel "numbers"
    set ylabel "distance (ULP)"
    set yrange [0:*]
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
