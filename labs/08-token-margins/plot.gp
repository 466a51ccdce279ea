#@ data 1 rates: number,percent,low,high by pair
#@ plot rates 1: Steps that flip, by what was changed
#@ front
#@ text Of all steps of all texts, how many name another token under the second plan, with the 95 %
#@ text interval. Changed is the order of sums alone, with bfloat16 between kernels: K in 2 or 4 slices
#@ text in place of one, 32 lanes in place of 16; the same with floats throughout; the roundings alone,
#@ text from floats to bfloat16 in one order; and both. Published rates of whole systems are 0.3 to
#@ text 1.3 % of steps.
#@ table order: Flips, by the order of sums and by what lies between kernels
#@ text Percent of steps, with the 95 % interval; `low2` and `high2` are of the other order. In the last
#@ text row the first plan has floats between kernels and the second rounds to bfloat16.
#@ table saying: Who can say which steps flip
#@ text Pairs: k1-k2 and k1-k4 cut K into 2 and 4 slices, l16-l32 adds in 32 lanes in place of 16,
#@ text f32- stands for floats between kernels. `said`: steps that are said to flip; `right`: those that do. Precision is right over said, recall
#@ text right over flips, with 95 % intervals (`low2` and `high2` are of recall). Both plans known: all
#@ text are said, and none wrongly. e is the largest change of any logit of the step, so 2e misses none
#@ text and says far too many. The last line of a pair knows the margin alone, and its limit was chosen
#@ text afterwards, as the one that fits best: no such rule does better.
#@ data 2 margins: step,margin by kind where flip=stays
#@ data 3 margins: step,margin by flip where flip=flips
#@ plot margins 2: Margins along the texts
#@ text Each point is one step: how far the largest logit is from the next. Rings are steps that
#@ text flip under some pair of plans: all of them lie low, and most of what lies low does not flip.
#@ data 4 whole: token,whole by pair
#@ plot whole 4: Texts that are still the same
#@ text Of a hundred texts, how many have no other token yet under the second plan. A step down is a
#@ text text that parts there. A line that stays at 100 has not parted anywhere.
#@ table meeting: Texts that part, and that meet again
#@ text Met again: after the parting, 8 tokens in a row are equal, up to 4 places apart. With 95 %
#@ text intervals; `low2` and `high2` are of the texts that met.
#@ table kinds: Margins of the first 16 steps, and flips, by kind of question
#@ text Margins are differences of logits, without a unit. Flips are those of all pairs of plans.
#@ table parting: Where texts part, and meet again
#@ table flips: Flips of each text
#@ table contracts: Tokens that a decoding contract takes
if (data1_rows > 0) {
    set output out("rates")
    set title "Steps that flip, by what was changed"
    set ylabel "steps (%)"
    set xlabel "what was changed"
    set yrange [0:*]
    set xrange [0.5:6.5]
    unset key
    set xtics ("2 slices" 1, "4 slices" 2, "32 lanes" 3, "2 slices, floats" 4, "roundings" 5, "both" 6)
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
