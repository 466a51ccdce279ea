#@ data 1 rates: number,percent,low,high by pair
#@ plot rates 1: Steps that flip, by what was changed
#@ front
#@ text Of all steps of all texts, how many name another token under the second plan, with the 95 %
#@ text interval. k1-k2, k1-k4 and l16-l32 change the order of sums alone, with bfloat16 between
#@ text kernels; f32-k1-k2 the same with floats throughout; f32-bf16 adds the roundings and keeps
#@ text the order. Published rates of whole systems are 0.3 to 1.3 % of steps.
#@ table rates: Flips of each pair of plans
#@ data 2 margins: step,margin by kind where flip=stays
#@ data 3 margins: step,margin by flip where flip=flips
#@ plot margins 2: Margins along the texts
#@ text Each point is one step: how far the largest logit is from the next. Rings are steps that
#@ text flip under some pair of plans: all of them lie low, and most of what lies low does not flip.
#@ data 4 whole: token,whole by pair
#@ plot whole 4: Texts that are still the same
#@ text Of a hundred texts, how many have no other token yet under the second plan. A step down is a
#@ text text that parts there. A line that stays at 100 has not parted anywhere.
#@ table parting: Where texts part, and meet again
#@ table flips: Flips of each text
#@ table contracts: Tokens that a decoding contract takes
if (data1_rows > 0) {
    set output out("rates")
    set title "Steps that flip, by what was changed"
    set ylabel "steps (%)"
    set xlabel "pair of plans"
    set yrange [0:*]
    set xrange [0.5:5.5]
    unset key
    set xtics ("k1-k2" 1, "k1-k4" 2, "l16-l32" 3, "f32-k1-k2" 4, "f32-bf16" 5)
    set boxwidth 0.5
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3:4:5 with yerrorbars linetype i+1 \
             pointsize 1.2 linewidth 2 title columnheader(1)
}
if (data2_rows > 0) {
    eval fresh
    set output out("margins")
    set title "Margins along the texts"
    set xlabel "step"
    set ylabel "largest logit over the next"
    set logscale y 10
    set xrange [-1:*]
    set yrange [*:100]
    plot for [i=0:data2_blocks-1] "data2.tsv" index i using 2:($3 > 0 ? $3 : 1/0) with points \
             linetype i+1 pointsize 0.5 title columnheader(1), \
         for [i=0:(data3_rows > 0 ? data3_blocks : 0)-1] "data3.tsv" index i \
             using 2:($3 > 0 ? $3 : 1/0) with points pointtype 6 pointsize 1.6 linewidth 2 \
             linecolor black title "flips"
}
if (data4_rows > 0) {
    eval fresh
    set output out("whole")
    set title "Texts that are still the same"
    set xlabel "tokens"
    set ylabel "texts (%)"
    set yrange [0:105]
    set xrange [0:*]
    plot for [i=0:data4_blocks-1] "data4.tsv" index i using 2:3 with steps linetype i+1 linewidth (8-1.3*i) \
             title columnheader(1)
}
