# Lab 03's plots. The lines with #@ say which tables they take; docs/writing-a-lab.md explains.
#
#@ data 1 stairs: along,us,low,high,used by way,device where axis=M
#@ plot stairs-m 1: Time against M, one row at a time
#@ text The time of one product against the rows of its batch. A matrix unit that multiplies 16 rows
#@ text at a time climbs in steps of 16; vector instructions climb row by row; and while the weights
#@ text are still on their way from memory, more rows cost nothing at all. Bars are 95 % intervals.
#@ data 9 stairs: along,us,low,high,used by way,device where axis=small N
#@ plot stairs-few 9: Time against N, where there are few
#@ text The same against few rows of the weights: panels of columns are steps on a CPU, too.
#@ data 2 stairs: along,us,low,high,used by way,device where axis=N
#@ plot stairs-n 2: Time against N, around a round number
#@ text The same against the rows of the weights, for a batch of 16. Kernels that work on panels of
#@ text columns pay for a whole one from its first column on.
#@ table speed: Our kernel and the library, side by side
#@ text `over library` is our kernel's time over the library's, with the same instructions: below 1
#@ text ours is faster. Weights are packed beforehand by both, or by neither.
#@ table fit: How full fragments are, by the shape
#@ text The essays' two shapes. Overall, 17 sequences of 2,047 tokens use 53 % of fragments of 16 x 16,
#@ text and 71 % where the batch lies on the side of 8; on the batch's edge a sixteenth or an eighth.
#@ table essay: Two shapes, and misaligned operands
#@ text `algorithm` is the library's own name for what it chose. `ulps` is the largest distance of a
#@ text row that both batches hold; times are over those of 16, 2048, aligned.
#@ data 3 blocks: capability,terms by kernel,in
#@ plot blocks 3: Terms that a matrix unit adds in one step
#@ text Recovered from outputs alone, one simulated card beside the other: how many terms (products
#@ text and the sum so far) one step of the unit adds, of a product over 32 elements of K.
#@ table blocks: What each card's unit adds in one step
#@ data 4 histograms: place,calm,churning by way,layer where histogram=shape class
#@ data 5 histograms: place,calm,churning by way,layer where histogram=algorithm
#@ data 6 histograms: place,calm,churning by way,layer where histogram=row ulps
#@ plot churn 4 5 6: Three histograms of one trace: shapes, algorithms, bits of a row
#@ text Shares of the steps of a calm trace (full) and of a churning one (light), for the last
#@ text library and layer of the table below, bins in its order. Many kinds of shapes need not mean
#@ text many algorithms; and one name of an algorithm need not mean one set of bits. The essays'
#@ text figures, of a GPU's library: entropy of the algorithms 0.067 bits calm, 1.344 churning.
#@ table histograms: The histograms
#@ table churn: Every combination that occurred
#@ table trees: One row in batches of many sizes, and the trees behind its bits
#@ text A tree is recovered wherever row 0 has bits that no smaller batch gave it. `predicted` of
#@ text `checked`: elements of fresh data that came out as the tree says, to the bit.
#@ data 7 layers: layer,norm,rounding,product,gain by format,around
#@ plot layers 7: What a layer does to a difference
#@ text Gain of each layer over the seeds: the relative difference of two networks behind it, over
#@ text that before it. At 1 a difference is passed on as it is.
#@ table units: Predicted bits of whole products
#@ table tail: Sums of ones
#@ text `wrong` counts shapes in which some element of a product of ones was not K.
#@ table eight: FP8, one line of PTX, card by card
#@ table integer: A product of integer slices: results over all plans
#@ data 8 price: threads,over sgemm,sgemm low,sgemm high by name,device
#@ plot integer 8: What integer slices cost, and what they gain
#@ text Time over OpenBLAS' sgemm of the same matrices, same rounds, with a 95 % interval. Below 1 the
#@ text product that has one result is also the faster one.
#@ table price: Time and error

if (data1_rows > 0) {
    set output out("stairs-m")
    set title "Time of one product against M"
    set xlabel "M, rows of the batch"
    set ylabel "time, µs"
    set xtics 16
    set xrange [0:66]
    set yrange [0:*]
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3:4:5 with yerrorlines \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data9_rows > 0) {
    set output out("stairs-few")
    set title "Time of one product of 16 rows against N, few of them"
    set xlabel "N, rows of the weights"
    set ylabel "time, µs"
    set xtics 16
    set xrange [0:82]
    set yrange [0:*]
    plot for [i=0:data9_blocks-1] "data9.tsv" index i using 2:3:4:5 with yerrorlines \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data2_rows > 0) {
    set output out("stairs-n")
    set title "Time of one product of 16 rows against N"
    set xlabel "N, rows of the weights"
    set ylabel "time, µs"
    set xtics 16
    set yrange [0:*]
    plot for [i=0:data2_blocks-1] "data2.tsv" index i using 2:3:4:5 with yerrorlines \
             linetype i+1 title columnheader(1)
}
eval fresh
if (data3_rows > 0) {
    set output out("blocks")
    set title "Products that one step of a sum adds along K"
    set xlabel "compute capability"
    set xrange [65:105]
    set bmargin 6
    set xtics rotate by 90 right ("7.0" 70, "7.5" 75, "8.0" 80, "8.9" 89, "9.0" 90, "10.0" 100)
    set ylabel "products"
    set yrange [0:18]
    set ytics 4
    plot for [i=0:data3_blocks-1] "data3.tsv" index i using 2:3 with linespoints \
             linetype i+1 pointsize 1.4 title columnheader(1)
}
eval fresh
if (data4_rows > 0 && data5_rows > 0 && data6_rows > 0) {
    set output out("churn")
    set multiplot layout 1,3 title "Shapes, algorithms and bits of one row, over a trace"
    set key off
    set yrange [0:1.05]
    set xtics 5
    set boxwidth 0.4
    set xlabel "shape class"
    set ylabel "share of the steps"
    set xrange [-0.6:*]
    set key inside right top
    plot "data4.tsv" index data4_blocks-1 using ($2 - 0.2):3 with boxes linetype 1 fill solid 0.9 title "calm", \
         "data4.tsv" index data4_blocks-1 using ($2 + 0.2):4 with boxes linetype 2 fill solid 0.4 \
             title "churning"
    set key off
    set xtics 1
    set xlabel "algorithm"
    set ylabel ""
    plot "data5.tsv" index data5_blocks-1 using ($2 - 0.2):3 with boxes linetype 1 fill solid 0.9, \
         "data5.tsv" index data5_blocks-1 using ($2 + 0.2):4 with boxes linetype 2 fill solid 0.4
    set xlabel "distance of row 0"
    plot "data6.tsv" index data6_blocks-1 using ($2 - 0.2):3 with boxes linetype 1 fill solid 0.9, \
         "data6.tsv" index data6_blocks-1 using ($2 + 0.2):4 with boxes linetype 2 fill solid 0.4
    unset multiplot
}
eval fresh
if (data7_rows > 0) {
    set output out("layers")
    set multiplot layout 1,3 title "Relative difference behind it, over that before"
    set key off
    set logscale y 10
    set yrange [0.05:5000]
    set xtics 1
    set xrange [0.5:3.5]
    set xlabel "layer"
    array steps[3] = ["layer norm", "rounding to the product's format", "the product"]
    do for [step=1:3] {
        if (step == 3) { set key inside right top }
        set title steps[step]
        plot for [i=0:data7_blocks-1] "data7.tsv" index i \
                 using ($2 + 0.12 * (i - (data7_blocks - 1) / 2.0)):(column(2 + step)) \
                 with points linetype i+1 pointsize 0.8 title columnheader(1)
    }
    unset multiplot
}
eval fresh
if (data8_rows > 0) {
    set output out("integer")
    set title "Products of integer slices: time over sgemm's"
    set xlabel "threads"
    set ylabel "ratio of times"
    set yrange [0:*]
    set xrange [0.5:2.5]
    set xtics 1
    set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linetype grey
    plot for [i=0:data8_blocks-1] "data8.tsv" index i using ($2 + 0.06 * i):3:4:5 \
             with yerrorbars linetype i+1 pointsize 1.3 title columnheader(1)
}
