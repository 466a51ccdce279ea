# compare.gp: the plots of a comparison (compare_page.h), drawn as a lab's plot.gp is. Data 1 are
# all cases that can be compared, 2 to 5 those of one verdict; 6 is what counts as the same, from
# the first case to the last, and the range of ratios.
#
#@ data 1 ratios: rank,ratio,low,high,time,tip
#@ data 2 ratios: rank,ratio,low,high,time,tip where verdict=same
#@ data 3 ratios: rank,ratio,low,high,time,tip where verdict=ambiguous
#@ data 4 ratios: rank,ratio,low,high,time,tip where verdict=faster
#@ data 5 ratios: rank,ratio,low,high,time,tip where verdict=slower
#@ data 6 band: rank,time,low,high,least,most
#@ plot ratios 1 6: The ratio of every case that can be compared
#@ text Each mark is a case, sorted by its ratio; the line through it is the ratio's interval, cut
#@ text off at the plot's edge, where cases stand that lie beyond. The grey band is what counts as the same. Marks tell verdicts apart
#@ text without colour as well; a pointer that rests on one is shown its case.
#@ plot times 1 6: The same ratios by how long a case takes
#@ text Short cases to the left: a difference there alone is one of starting work, not of doing it.

# Grey is for cases of which nothing is said, colours for those of which something is.
rows(k) = k == 2 ? data2_rows : k == 3 ? data3_rows : k == 4 ? data4_rows : data5_rows
file(k) = sprintf("data%d.tsv", k)
name(k) = k == 2 ? "same" : k == 3 ? "ambiguous" : k == 4 ? "faster than A" : "slower than A"
hue(k) = k == 2 ? 0x59616d : k == 3 ? 0x8a8f98 : k == 4 ? 0x0072b2 : 0xd55e00
mark(k) = k == 2 ? 7 : k == 3 ? 6 : k == 4 ? 11 : 9
size(k) = k < 4 ? 0.6 : 0.9

if (data1_rows > 0 && data6_rows > 0) {
    # Ratios decide what is shown, not intervals: that of two sessions may have no end.
    stats "data6.tsv" using 6 nooutput name "LEAST"
    stats "data6.tsv" using 7 nooutput name "MOST"
    stats "data6.tsv" using 2 nooutput name "RANK"
    least = LEAST_min < 1 / 1.03 ? LEAST_min : 1 / 1.03
    most = MOST_max > 1.03 ? MOST_max : 1.03
    low = least / (most / least) ** 0.15
    high = most * (most / least) ** 0.15
    into(x) = x < low ? low : x > high ? high : x
    # Marks at whole percents where that is fine enough, else at 1, 2 and 5 of each decade.
    span = high / low
    step = span < 1.15 ? 0.01 : span < 1.3 ? 0.02 : span < 1.8 ? 0.05 : span < 3 ? 0.1 : 0
    if (step > 0) {
        tics = 'set for [k=int(low/step):int(high/step)+1] ytics add ' . \
            '(sprintf("%.2f×", k * step) k * step)'
    } else {
        tics = 'set for [d=-9:9] for [m in "1 2 5"] ytics add ' . \
            '(sprintf("%g×", m * 10.0**d) m * 10.0**d)'
    }
    seconds = '("1 ns" 1e-9, "10 ns" 1e-8, "100 ns" 1e-7, "1 µs" 1e-6, "10 µs" 1e-5, ' . \
        '"100 µs" 1e-4, "1 ms" 1e-3, "10 ms" 1e-2, "100 ms" 0.1, "1 s" 1, "10 s" 10, "100 s" 100)'
    frame = 'set errorbars 0; set logscale y; set yrange [low:high]; unset ytics; ' . \
        'set ytics nomirror out scale 0.6 textcolor rgb "#2b2f36" (); eval tics; ' . \
        'set key outside top center horizontal Left reverse; set offsets 0, 0, 0, 0; ' . \
        'set ylabel "time over that of A (×)"'

    # `across` is the column that goes to the right. Marks carry their case as a tip in SVG.
    band = '"data6.tsv" using (column(across == 2 ? 2 : 3)):4:5 with filledcurves ' . \
        'fillcolor rgb 0x8a8f98 fillstyle solid 0.25 noborder notitle, ' . \
        '1 with lines linecolor rgb 0x8a8f98 linewidth 1.5 dashtype 2 notitle, '
    intervals = 'for [k=2:5] (rows(k) > 0 ? file(k) : "nothing.tsv") ' . \
        'using across:(into($3)):(into($4)):(into($5)) with yerrorbars linecolor rgb hue(k) ' . \
        'linewidth 1 pointtype 0 pointsize 0 notitle, '
    marks = 'for [k=2:5] (rows(k) > 0 ? file(k) : "nothing.tsv") using across:(into($3)):7 with labels ' . \
        'hypertext point linecolor rgb hue(k) pointtype mark(k) pointsize size(k) linewidth 1.5 notitle, ' . \
        'for [k=2:5] keyentry with points linecolor rgb hue(k) pointtype mark(k) ' . \
        'pointsize size(k) linewidth 1.5 title name(k)'
    set print "nothing.tsv"
    print "nan\tnan\tnan\tnan\tnan\tnan\tnan"
    unset print

    eval fresh
    eval frame
    set output out("ratios")
    set xrange [0:RANK_max]
    set xlabel "cases in order of their ratio (rank)"
    across = 2
    eval 'plot ' . band . intervals . marks

    eval fresh
    eval frame
    set output out("times")
    set logscale x
    eval 'set xtics ' . seconds
    set rmargin 5
    set xlabel "time of a call on A (ns, µs, ms, s)"
    across = 6
    eval 'plot ' . band . marks
}
