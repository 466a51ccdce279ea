# class.gp: what students said of one question beside what they measured (class_page.h). Data 1 are
# all of them, 2 to 6 those of one score.
#
#@ data 1 dots: place,student,low,high,middle,measured,least,most
#@ data 2 dots: place,student,low,high,middle where score=right
#@ data 3 dots: place,student,low,high,middle where score=close
#@ data 4 dots: place,student,low,high,middle where score=wide
#@ data 5 dots: place,student,low,high,middle where score=surprised
#@ data 6 dots: place,student,low,high,middle where score=unmeasured
#@ plot dots 1: What was said, and what was measured
#@ text Each line is a student, sorted by what was said; a bar is a range. The black marks are what
#@ text that student's own machine measured. An answer of nothing at all stands at the left edge.

rows(k) = k == 2 ? data2_rows : k == 3 ? data3_rows : k == 4 ? data4_rows : k == 5 ? data5_rows : data6_rows
file(k) = sprintf("data%d.tsv", k)
name(k) = k == 2 ? "said: right" : k == 3 ? "close" : k == 4 ? "too wide, or not settled" : k == 5 ? "surprised" : "not measured there"
hue(k) = k == 2 ? 0x009e73 : k == 3 ? 0x0072b2 : k == 4 ? 0x56b4e9 : k == 5 ? 0xd55e00 : 0x8a8f98
mark(k) = k == 2 ? 7 : k == 3 ? 9 : k == 4 ? 6 : k == 5 ? 5 : 4

if (data1_rows > 0) {
    stats "data1.tsv" using 4 nooutput name "SAID_LOW"
    stats "data1.tsv" using 5 nooutput name "SAID_HIGH"
    stats "data1.tsv" using 2 nooutput name "PLACE"
    low = SAID_LOW_min
    high = SAID_HIGH_max
    stats "data1.tsv" using (column(8) == column(8) ? column(8) : NaN) nooutput name "LEAST"
    stats "data1.tsv" using (column(9) == column(9) ? column(9) : NaN) nooutput name "MOST"
    if (exists("LEAST_records") && LEAST_records > 0) {
        low = LEAST_min < low ? LEAST_min : low
        high = MOST_max > high ? MOST_max : high
    }
    high = high <= low ? low * 1.1 : high
    room = (high / low) ** 0.06
    set print "nothing.tsv"
    print "nan\tnan\tnan\tnan\tnan\tnan\tnan\tnan\tnan"
    unset print

    eval fresh
    set output out("dots")
    set logscale x
    set xrange [low / room:high * room]
    set yrange [0.3:PLACE_max + 0.7]
    unset ytics
    set format x "%g"
    if (high / low < 30) {
        unset xtics
        set xtics nomirror out scale 0.6 textcolor rgb "#2b2f36" ()
        do for [d=-12:12] { do for [m in "1 1.5 2 3 5 7"] {
            set xtics add (sprintf("%g", m * 10.0**d) m * 10.0**d)
        } }
    }
    set xlabel "what was asked for, on a scale of factors"
    set ylabel "students, by what they said (one a line)"
    set key outside top center horizontal Left reverse
    set errorbars 0
    plot for [k=2:6] (rows(k) > 0 ? file(k) : "nothing.tsv") using 6:2:4:5 with xerrorbars \
            linecolor rgb hue(k) linewidth 3 pointtype 0 notitle, \
         for [k=2:6] (rows(k) > 0 ? file(k) : "nothing.tsv") using 6:2 with points \
            linecolor rgb hue(k) pointtype mark(k) pointsize 1.3 notitle, \
         "data1.tsv" using 7:2:8:9 with xerrorbars linecolor rgb "#101418" linewidth 2 \
            pointtype 13 pointsize 1.5 title "measured", \
         for [k=2:6] keyentry with points linecolor rgb hue(k) pointtype mark(k) pointsize 1.3 \
            linewidth 1.5 title name(k)
}
