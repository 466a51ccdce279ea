# compare_cases.gp: the samples of cases that a comparison explains (compare_page.h), both sides over
# each other: a bin's share of its side's samples. Drawn as a lab's plot.gp is. Data k is case k.
#
#@ data 1 samples: exponent,low,high,a,b,na,nb where case=1
#@ data 2 samples: exponent,low,high,a,b,na,nb where case=2
#@ data 3 samples: exponent,low,high,a,b,na,nb where case=3
#@ data 4 samples: exponent,low,high,a,b,na,nb where case=4
#@ data 5 samples: exponent,low,high,a,b,na,nb where case=5
#@ data 6 samples: exponent,low,high,a,b,na,nb where case=6
#@ plot case-1 1: Samples of this case
#@ plot case-2 2: Samples of this case
#@ plot case-3 3: Samples of this case
#@ plot case-4 4: Samples of this case
#@ plot case-5 5: Samples of this case
#@ plot case-6 6: Samples of this case

unit(e) = e == 0 ? "s" : e == 3 ? "ms" : e == 6 ? "µs" : "ns"
rows(k) = k == 1 ? data1_rows : k == 2 ? data2_rows : k == 3 ? data3_rows : k == 4 ? data4_rows : \
    k == 5 ? data5_rows : data6_rows

do for [k=1:6] {
    if (rows(k) > 0) {
        eval fresh
        data = sprintf("data%d.tsv", k)
        stats data using 2 nooutput name "E"
        stats data using 3 nooutput name "LOW"
        stats data using 4 nooutput name "HIGH"
        stats data using 5 nooutput name "A"
        stats data using 6 nooutput name "B"
        stats data using 7 nooutput name "NA"
        stats data using 8 nooutput name "NB"
        set output out(sprintf("case-%d", k))
        set logscale x
        set xrange [LOW_min:HIGH_max]
        set yrange [0:1.08 * (A_max > B_max ? A_max : B_max)]
        set offsets 0, 0, 0, 0
        # Six marks, evenly spaced as the bins are.
        unset xtics
        set xtics nomirror out scale 0.6 textcolor rgb "#2b2f36" ()
        digits = HIGH_max / LOW_min > 1.5 ? "%.3g" : HIGH_max / LOW_min > 1.05 ? "%.4g" : "%.5g"
        do for [m=0:5] {
            at = LOW_min * (HIGH_max / LOW_min) ** (m / 5.0)
            set xtics add (sprintf(digits, at) at)
        }
        set rmargin 6
        set format y "%g %%"
        set xlabel sprintf("time of a call (%s)", unit(int(E_min)))
        set ylabel "share of its side's samples (%)"
        set key outside top center horizontal Left reverse
        plot data using (sqrt($3*$4)):5:3:4:(0):5 with boxxyerror linecolor rgb 0x0072b2 \
                linewidth 1 fillstyle solid 0.35 border \
                title sprintf("A, %d samples", int(NA_min)), \
            data using (sqrt($3*$4)):6:3:4:(0):6 with boxxyerror linecolor rgb 0xd55e00 \
                linewidth 1.5 fillstyle transparent pattern 5 border \
                title sprintf("the other, %d samples", int(NB_min))
    }
}
