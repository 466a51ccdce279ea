#@ answers 09/load/ link: One question at temperature 0, and all answers that came back
#@ text »« stand around the token at which an answer parts from one above it; the numbers say how
#@ text often it was given. `alone`: no load. `free`: beside a load of other requests, and a rule that
#@ text counts the rows of a step. `slower`: the same requests, and steps that take longer, so other
#@ text batches. `replayed`: as slow, and the batches of `free` again. `fixed`: the load, and a plan that
#@ text counts nothing. `floats`: the rule, and no rounding between kernels.
#@ data 1 links: number,percent,low,high,distinct by link
#@ plot links 1: One question under load: answers that are not the most frequent one
#@ front
#@ text The same as a plot. Numbers over the marks: different answers. Bars: 95 % intervals; that of
#@ text `alone`, which is asked a few times only, is a long one.
#@ table links: Different answers, by the link that is cut
#@ data 2 company: batch,other,logits by rule,device
#@ plot company 2: Logits of one request that have other bits in company
#@ text One request, beside others. `heuristic` counts rows and splits K, `lanes` counts rows and never
#@ text splits K, `fixed` counts nothing and lies on 0. A simulated GPU has the small model of random
#@ text weights, of which fewer logits move.
#@ table company: Bits of one request in batches
#@ text Of so many logits, `other` have other bits than alone, and `tokens` of the steps another largest
#@ text one. `unexplained`: other bits than alone while the rule counts as many rows; `wrong`: other bits
#@ text than the model of the plan says. Both are 0, or there is a bug.
#@ table context: Bits of one request with a long context, by the splits of attention
#@ text `other` bits than in a batch of two. `splits` lets the number of requests decide the splits of
#@ text attention, and stages products alike; `fixed` and `fixed-4` have one number of splits. With
#@ text bfloat16 between kernels a small difference may vanish in a model of few layers.
#@ table libraries: Products of the model by a library, for 1 to 64 rows
#@ text One row, alone and among others, and as the last of them. Of so many numbers of rows that were
#@ text `asked`, so many `changed` a row; `they are`: which (`8-64`: all that were asked from 8 to 64).
#@ table price: One step, by the rule that counts rows and by a fixed plan
#@ text `seconds` a step of so many requests; `ratio` of the fixed plan's to the rule's, with its 95 %
#@ text interval; `roof` is the part of the speed at which memory was read beside it.
#@ table chunks: Bits of one request by how its prompt was computed
#@ text `size` tokens of a chunk, of a prefix that was there already, or verified at once; the other
#@ text columns as above, against the whole prompt in one step.
if (data1_rows > 0) {
    set output out("links")
    set title "One question under load: answers that are not the most frequent one"
    set ylabel "answers (%)"
    set xlabel "link of the chain"
    set yrange [0:105]
    set xrange [0.5:6.5]
    unset key
    set xtics ("alone" 1, "free" 2, "slower" 3, "replayed" 4, "fixed" 5, "floats" 6)
    plot for [i=0:data1_blocks-1] "data1.tsv" index i using 2:3:4:5 with yerrorbars linetype i+1 \
             pointsize 1.2 linewidth 2, \
         for [i=0:data1_blocks-1] "data1.tsv" index i using 2:($5 < 95 ? $5+5 : 95):6 with labels
}
if (data2_rows > 0) {
    eval fresh
    set output out("company")
    set title "Logits of one request that have other bits in company"
    set xlabel "requests in a step"
    set ylabel "logits (%)"
    set logscale x 2
    set yrange [-3:105]
    plot for [i=0:data2_blocks-1] "data2.tsv" index i using 2:(100*$3/$4) with linespoints \
             linetype i+1 linewidth (i < 4 ? 6-1.3*i : 1) title columnheader(1)
}
