#@ data 1 walks: n,gbps,low,high by walk,device
#@ plot walks 1: Reading speed by rows and by columns
#@ text The band is the 95 % interval of the median. "again" is the control: it should lie on
#@ text "rows". The further "columns" lies below, the more of each line it fetches is thrown away.
#@ table walks: Reading speed, all sizes
if (data1_rows > 0) {
    set output out("walks")
    set title "Reading speed by rows and by columns"
    set logscale x 2
    set xlabel "rows, and columns"
    set ylabel "GB/s"
    set yrange [0:*]
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:4:5 with filledcurves \
             linetype i+1 notitle, \
         for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
