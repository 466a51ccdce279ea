# style.gp: how every plot of nanolab looks. `nanolab plot` runs it before a lab's plot.gp, once
# for each kind of file, with `target` set to "svg", "png" or "txt". The last is drawn with
# characters: `columns` and `lines` of them, beyond ASCII if `in_utf8`, `in_colour` or not.
#
# It offers to plot.gp:
#   out(name)            the file to set as output
#   bytes_x, bytes_y     eval'ed: a base-2 log axis marked in KiB, MiB, GiB
#   powers_x, powers_y   eval'ed: a base-2 log axis marked 2⁰, 2⁴, 2⁸ …
#   eval fresh           back to the house style, before each plot after the first
#   line types 1…16      colour, width and mark of a series
#   linetype grey        limits and bounds
# Colours are the eight of Okabe and Ito (2008), which stay apart for colour-blind readers; yellow,
# too pale on white for a line, comes last. A mark of its own for each series keeps them apart in
# grey as well.

set encoding utf8
if (target eq "svg") {
    set terminal svg size 1000,640 dynamic noenhanced background "#ffffff" \
        font "DejaVu Sans,Verdana,sans-serif,15" linewidth 1 rounded
} else { if (target eq "txt") {
    if (in_colour) {
        set terminal dumb size columns,lines noenhanced ansi256
    } else {
        set terminal dumb size columns,lines noenhanced mono
    }
} else {
    set terminal pngcairo size 1200,800 noenhanced background "#ffffff" \
        font "DejaVu Sans,13" linewidth 1.4 rounded
} }
out(name) = name . "." . target

set linetype 1 linecolor rgb "#0072b2" linewidth 2.0 pointtype 7 pointsize 0.6
set linetype 2 linecolor rgb "#d55e00" linewidth 2.0 pointtype 5 pointsize 0.6
set linetype 3 linecolor rgb "#009e73" linewidth 2.0 pointtype 9 pointsize 0.8
set linetype 4 linecolor rgb "#cc79a7" linewidth 2.0 pointtype 11 pointsize 0.8
set linetype 5 linecolor rgb "#56b4e9" linewidth 2.0 pointtype 13 pointsize 0.8
set linetype 6 linecolor rgb "#e69f00" linewidth 2.0 pointtype 6 pointsize 0.7
set linetype 7 linecolor rgb "#000000" linewidth 2.0 pointtype 4 pointsize 0.7
set linetype 8 linecolor rgb "#b8a800" linewidth 2.0 pointtype 8 pointsize 0.8
# A second round, for the rare plot with more than eight series: dashed, with open marks.
set linetype 9 linecolor rgb "#0072b2" linewidth 2.0 dashtype (6,4) pointtype 6 pointsize 0.8
set linetype 10 linecolor rgb "#d55e00" linewidth 2.0 dashtype (6,4) pointtype 4 pointsize 0.8
set linetype 11 linecolor rgb "#009e73" linewidth 2.0 dashtype (6,4) pointtype 8 pointsize 0.8
set linetype 12 linecolor rgb "#cc79a7" linewidth 2.0 dashtype (6,4) pointtype 10 pointsize 0.8
set linetype 13 linecolor rgb "#56b4e9" linewidth 2.0 dashtype (6,4) pointtype 12 pointsize 0.8
set linetype 14 linecolor rgb "#e69f00" linewidth 2.0 dashtype (6,4) pointtype 7 pointsize 0.8
set linetype 15 linecolor rgb "#000000" linewidth 2.0 dashtype (6,4) pointtype 5 pointsize 0.8
set linetype 16 linecolor rgb "#b8a800" linewidth 2.0 dashtype (6,4) pointtype 9 pointsize 0.8
grey = 20
set linetype grey linecolor rgb "#8a8f98" linewidth 1.5 dashtype 2 pointtype 0
set linetype cycle 16
# With characters a mark is a letter: A, B, C …. A terminal may be black, so nothing else is.
if (target eq "txt") {
    do for [i=1:16] { set linetype i pointtype i }
    set linetype 7 linecolor rgb "#8a8f98"
    set linetype 15 linecolor rgb "#8a8f98"
}

# Everything a plot may change, set anew by `eval fresh`, so that one plot cannot spoil the next.
fresh = 'reset; ' . \
    'set datafile separator tab; set datafile missing "nan"; ' . \
    'set style fill transparent solid 0.18 noborder; ' . \
    'set border 3 linecolor rgb "#8a8f98" linewidth 1; ' . \
    'set tics nomirror out scale 0.6 textcolor rgb "#2b2f36"; ' . \
    'set grid xtics ytics back linecolor rgb "#e3e6ea" linewidth 1 dashtype 1; ' . \
    'set xlabel textcolor rgb "#2b2f36"; set ylabel textcolor rgb "#2b2f36"; ' . \
    'set title textcolor rgb "#101418"; ' . \
    'set key outside right top vertical Left reverse noenhanced samplen 1.6 spacing 1.15 ' . \
    'textcolor rgb "#2b2f36"; ' . \
    'set bmargin 4; set tmargin 3; set offsets graph 0.02, graph 0.02, graph 0.04, 0'
# Nothing to measure with a ruler, and names below each other under the plot.
if (target eq "txt") {
    fresh = fresh . '; unset grid; set bmargin -1; set tmargin -1; set style fill empty; ' . \
        'set border 3 linetype -1; set tics textcolor default; set key default; ' . \
        'set xlabel textcolor default; set ylabel textcolor default; set title textcolor default; ' . \
        'set key bmargin left vertical maxcols 1 Left reverse noenhanced samplen 4 spacing 1'
}
eval fresh

byte_marks = '("1 B" 1, "16 B" 16, "256 B" 256, "4 KiB" 2**12, "32 KiB" 2**15, ' . \
    '"256 KiB" 2**18, "2 MiB" 2**21, "16 MiB" 2**24, "128 MiB" 2**27, "1 GiB" 2**30, ' . \
    '"8 GiB" 2**33, "64 GiB" 2**36, "512 GiB" 2**39)'
power_marks = '("2⁰" 1, "2⁴" 16, "2⁸" 256, "2¹²" 4096, "2¹⁶" 2**16, "2²⁰" 2**20, ' . \
    '"2²⁴" 2**24, "2²⁸" 2**28, "2³²" 2**32, "2³⁶" 2**36)'
if (target eq "txt" && !in_utf8) {
    power_marks = '("2^0" 1, "2^4" 16, "2^8" 256, "2^12" 4096, "2^16" 2**16, "2^20" 2**20, ' . \
        '"2^24" 2**24, "2^28" 2**28, "2^32" 2**32, "2^36" 2**36)'
}
bytes_x = 'set logscale x 2; set xtics ' . byte_marks
bytes_y = 'set logscale y 2; set ytics ' . byte_marks
powers_x = 'set logscale x 2; set xtics ' . power_marks
powers_y = 'set logscale y 2; set ytics ' . power_marks
