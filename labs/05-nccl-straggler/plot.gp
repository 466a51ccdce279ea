# Plots of lab 05, from DIR/05-nccl-straggler/*.tsv. `nanolab plot DIR` prepares the data, runs
# harness/page/style.gp, then this file.
#@ data 1 stalls: delay,over,olow,ohigh by engine,ranks where kind=persistent
#@ data 2 slopes: floor by engine,ranks where kind=persistent
#@ plot stalls 1: What one late rank adds to everybody's step
#@ front
#@ text At 1 everybody loses what one rank loses. Marks with 95 % intervals over rounds; dashed, in
#@ text the colour of the marks: the noise floor, by how much the same steps without a stall differ
#@ text when they are measured twice. Simulated ranks have none. Where there are more ranks than cores
#@ text the ranks take turns on them, and the marks leave the line.
#@ table slopes: Slope of the step over the stall, and the noise floor
#@ text 1 is the whole stall. `floor` in microseconds.
#@ table stalls: What each stall adds to the step, and what waiting for it wastes
#@ text Microseconds. `over` is `added` over `delay`; `wasted` all ranks' waits in one step together,
#@ text rank-microseconds. oversubscribed: more ranks than cores.
#@ data 3 sums: bytes,took,low,high,model by engine,ranks,algorithm,per node where slow node=-1
#@ plot sums 3: Time of a sum in which nobody waits, against α + n/β
#@ text Marks are measured, lines are the model: for simulated ranks the theory of the algorithm on
#@ text wires of given α and β, for processes a line that was fitted to the marks. Marks beside
#@ text their line are protocols that change with the size, or caches that a message outgrows. The
#@ text last number is the ranks of a node. Grey, for orientation: 8 GPUs of one machine with NCCL, as
#@ text others published them (ai-dynamo/aiconfigurator, commit 095f58a5, Apache-2.0); see `results/published`.
#@ published 24 all-reduce: bytes,us by who
#@ table sums: Time of a sum, model and residual
#@ text `took` and `model` in microseconds; `residual` is took over model, less 1; `unlogged` what part
#@ text of a step is in no rank's log.
#@ data 4 many: ranks,drawn,low,high,expected by kind
#@ data 5 rare: p50,p95 by engine,ranks where engine=openmpi
#@ plot many 4: Mean lateness of a step's slowest rank
#@ text Marks are means over many drawn steps, lines their expectations. Each rank is late by 100 us
#@ text in the mean (exponential), by a normal number of deviation 100 us, or by 1,200 us in one step
#@ text of a thousand (rare). Dashed: what a step of processes without a stall varies by, from its
#@ text median to the slowest twentieth. Where the rare stall is above it, it shows in the mean.
#@ table many: More ranks: simulated, drawn, and expected
#@ text `simulated` is the mean of the few simulated steps beyond computing and an undisturbed sum,
#@ text `unexplained` the largest part of one that its own draws do not explain; `drawn` is the mean
#@ text over the steps that were drawn and not simulated. `amplification` is what all lose over what
#@ text a rank loses itself, in the mean.
#@ table rare: Where rare stalls end up among the steps
#@ text Microseconds. `stalled part`: of the slowest 1 % of the steps, those with a stalled rank;
#@ text `late part`: of what they take beyond the median step, because one rank computed longer. On a
#@ text busy machine other work makes ranks late, too, and not by our stalls.
#@ data 6 spread: group,inner,outer,next by late where culprit=13
#@ plot groups 6: A stall of 1,200 us in one group of eight, and where each group waits for it
#@ text Four groups of eight simulated ranks sum inside, then across groups. The culprit is in group
#@ text 1: its own group waits inside, all others wait across. A stall in one step leaves the next
#@ text one as it was.
#@ data 20 essay: step,ratio,low,high by engine,ranks,overlap where late=always
#@ plot essay 20: A stall of 1.2 ms in steps of all lengths
#@ text The line is (T0 + D)/T0 for D = 1.2 ms. It crosses 2, the essay's doubling, at T0 = D, and
#@ text nowhere else. Waiting for the sum one step late moves no mark: a stall in every step is
#@ text there in every step.
#@ table essay: The same with a stall in one step, and the time in the sum
#@ text `step` in microseconds; `sum over normal` is the others' time in the sum over the same with
#@ text nobody late.
#@ data 21 timeline: rank,step,rows,from ms,to ms by engine,part
#@ plot timeline 21: One rank is late once, and the batch after it is another
#@ text Each rank's bars are by its own clock; the clocks are put together where a sum ended, which
#@ text nobody leaves before everybody has entered it. The late rank computes for 1.2 ms longer and
#@ text waits for nobody; all others wait for it. The sums themselves are the thin black ends.
#@ text These are simulated ranks, or, without the simulator, processes. Below: the batch that the scheduler forms.
#@ table sentences: What the steps prove, link by link
#@ text `step ms` is the longest step of a calm batch, `restore` after how many steps within the
#@ text budget a cut batch is whole again, `back after` how many steps went by until rows, shape
#@ text class and plan were as with nobody late for eight steps in a row; `differing again` counts
#@ text steps after that which were not, `other requests` those whose rows held other requests, and
#@ text `rows kept` is rows a second over those with nobody late. noise: the run with nobody late
#@ text went over its budget itself. Plans: s4 is attention in 4 splits, by FlashAttention's rule.
#@ data 22 batches: nth,rows,rows without by batcher,late,restore
#@ plot chain 22: Rows in the batch, step by step
#@ text One lane for each run, each from 0 to 32 rows; grey, the same requests with nobody late.
#@ text Latency-guarded with one late step cuts once. A rank late in every step is there again when
#@ text the batch is whole: so it is cut again. Budget-only cuts nothing. The number is after how
#@ text many steps within the budget a cut batch is whole again: the shape returns when the batcher
#@ text says so.
#@ data 10 league-map: x,y,share,rule by where
#@ plot league 10: Who names the straggler: windows in which a rule is right, in percent
#@ text Each rule judged eight steps at a time, of logs in which a rank was late by so many
#@ text microseconds: always, for eight steps and then the next rank, or rarely. It is right where it
#@ text names just those who were late; in the column 0, where nobody was, where it names nobody. Ours
#@ text is on top. Rules that look at who takes long name victims. Last arrival needs one clock, and
#@ text among processes says that it cannot tell. Count lags and missing rank look for ranks that
#@ text never come, relative score for longer computing.
#@ table league: Rules against the truth
#@ text `precision`: late ranks among those named; `recall`: named ones among the late; `latency`:
#@ text steps from the first stall until just the late are named, tried at 1, 2, 4, 8 …, the worst
#@ text round, empty where a round never came to that. `slow link`: nobody late, and one node's wires with
#@ text half the bandwidth. `left out`: steps in which the machine itself
#@ text made a process late by over 150 us, so that the truth is not known.
#@ data 11 without: with over,predicted over,low,high by engine,overlap
#@ plot without 11: The step without the straggler, from the log with it
#@ text To the right more was taken away. At 1 the prediction is the step of the arm in which nobody
#@ text was late, in the same rounds; dashed, 3 %. Bars are 95 % intervals over rounds; what is
#@ text simulated has none. Stalls of 150 us are drawn too: where none was named, none is taken away.
#@ table without: The step without the straggler, predicted and measured, us
#@ table again: Communication in which nobody waits, with a late rank and without
#@ text Microseconds. `message` is the time of one message of the sum. A message sent again would
#@ text add at least that.
#@ table runs: What the runs with stalls took
#@ text `wall` in seconds, from the start of the engine to its end.
#@ data 17 workspace: computes,clow,chigh,others wait,step by limit
#@ plot workspace 17: What a rank short of workspace makes of everybody's step
#@ text Two processes multiply and sum. Rank 1 has the workspace that its preferred implementation asks
#@ text for (ample, and again), a byte less, as much in pieces of 64 KiB, or nothing; rank 0 always has
#@ text enough. The bars: what rank 1 computes, with a 95 % interval over rounds, what rank 0 waits in
#@ text the sum, and the step.
#@ table ways: What the implementations ask for
#@ text The library's list for this product, the preferred one first. What fits first is what runs.
#@ table workspace: Limits of rank 1, and what ran
#@ data 18 answer: at,rows,step by batcher,limit
#@ plot batches 18: How the batchers answer to a rank short of workspace
#@ text Medians over rounds. In steps 16 to 39 rank 1 has no workspace. A batcher that guards the time of
#@ text a step cuts the batch from 32 to 12 rows, lets all back in after eight steps within its budget,
#@ text and is late again at once. One with a budget of tokens alone changes nothing, and stays slow.
#@ table fallbacks: Batches and fallbacks with the serving loop
#@ text `batches cut`: part of the steps with fewer than 32 rows; `batches differ`: of those after the
#@ text first late one, the part with other requests or rows than in the run with workspace for all,
#@ text beyond what two such runs differ by; `fell back`: steps in which rank 1 ran another
#@ text implementation than is preferred for so many rows; `others fell back`: the same of rank 0;
#@ text `rows kept`: rows a second while rank 1 is short, over those with workspace for all.
#@ data 12 classes: column,line,colour,who,ranks,n
#@ plot bits 12: Which sums of the same numbers have the same bits
#@ text In a column all sum the same numbers of so many ranks. Squares of one colour have the same bits
#@ text after it, whatever library they belong to; the colour is that of the algorithm whose order
#@ text it is, blue recursive doubling's. Two ranks have one order. A line whose colour changes among
#@ text columns of equal ranks belongs to a default, or a reduce, that takes another algorithm.
#@ table properties: Two properties of an order: it repeats, and it does not depend on the size
#@ text Measured. `run to run`: a message summed again has the same bits, with nobody late.
#@ text `size-invariant`: the elements that messages of all sizes have in common have the same bits in
#@ text each of them; empty where there is one size, or where sums do not repeat. `as predicted`: of
#@ text `sizes` results, those that have the bits that the model gave.
#@ table defaults: What a library takes by itself, found from its outputs
#@ text `found`: the algorithms that have this order, often several with one tree; empty where too
#@ text many ranks would need too many probes. `invariant` 1: the first 1,024 elements are added up in
#@ text one order at all sizes.
#@ data 13 virtual: column,line,colour,who,ranks,n
#@ plot bits-virtual 13: Which sums have the same bits, among ranks that are groups of thread blocks
#@ text As above. Rows of one algorithm differ in channels, chunks and tails. An order by arrival has
#@ text a result for each order in which the ranks came, of which one is shown.
#@ data 14 price: bytes,over,low,high,doubling by engine,ranks
#@ plot price 14: What the aligned order costs, against the fastest algorithm of each size
#@ text At 1 an algorithm of the aligned order is the fastest itself. Dashed, in the same colours:
#@ text recursive doubling alone, which moves the whole message in each step. In simulated time there
#@ text is no noise.
#@ table price: Price of the aligned order
#@ table aligned: One sum over K by several numbers of ranks
#@ text Equal `measured` are equal bits. `invariant` 1 says that they are so by the model.

if (data1_rows > 0) {
    array floors[data2_blocks + 1]
    do for [i=0:data2_blocks-1] {
        stats "data2.tsv" index i using 2 nooutput
        floors[i+1] = STATS_min
    }
    set output out("stalls")
    set title "What one late rank adds to everybody's step"
    set logscale x
    set samples 200
    set xlabel "stall of one rank, us"
    set ylabel "added to the step, over the stall"
    set xrange [120:3000]
    set yrange [0:1.5]
    set xtics (150, 300, 600, 1200, 2400)
    plot 1 with lines linetype grey notitle, \
         for [i=0:data2_blocks-1] floors[i+1] / x with lines linetype i+1 dashtype 2 notitle, \
         for [i=0:data1_blocks-1] "data1.tsv" index i \
             using ($2 * 1.03 ** (i - data1_blocks / 2.0)):3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 title columnheader(1)
}
eval fresh
if (data3_rows > 0) {
    set output out("sums")
    set title "Time of a sum in which nobody waits"
    eval bytes_x
    set logscale y 10
    set xlabel "bytes of a rank's buffer"
    set ylabel "us"
    plot for [i=0:data3_blocks-1] "data3.tsv" index i using 2:6 \
             with lines linetype i+1 notitle, \
         for [i=0:data3_blocks-1] "data3.tsv" index i using 2:3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 title columnheader(1), \
         for [i=0:data24_blocks-1] "data24.tsv" index i using 2:3 \
             with lines linetype grey dashtype i+2 title columnheader(1)
}
eval fresh
if (data4_rows > 0) {
    noise = NaN
    if (data5_rows > 0) {
        stats "data5.tsv" index 0 every ::1::1 using ($3 - $2) nooutput
        noise = STATS_min
    }
    set output out("many")
    set title "Mean lateness of a step's slowest rank"
    set logscale xy
    set xlabel "ranks"
    set ylabel "us"
    set xtics (8, 32, 100, 256, 1024)
    set xrange [7:1200]
    plot for [i=0:data4_blocks-1] "data4.tsv" index i using 2:6 \
             with lines linetype i+1 notitle, \
         for [i=0:data4_blocks-1] "data4.tsv" index i using 2:3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 title columnheader(1), \
         noise with lines linetype grey title "noise of processes"
}
eval fresh
# In the table's order "always" comes before "once", which is drawn.
if (data6_rows > 0) {
    set output out("groups")
    set title "What a stall of 1,200 us in group 1 adds"
    set ylabel "us"
    set yrange [0:1500]
    set xlabel "group"
    set xrange [-0.6:3.6]
    set xtics 1
    set style fill solid 0.6 noborder
    array what[3] = ["waits inside", "waits across", "next step"]
    plot for [k=0:2] "data6.tsv" index data6_blocks-1 \
             using ($2 + 0.26 * (k - 1)):(column(3 + k)):(0.24) \
             with boxes linetype k+1 title what[k+1]
}
eval fresh
if (data20_rows > 0) {
    set output out("essay")
    set title "A stall of 1.2 ms on one rank, in steps of all lengths"
    set logscale xy 2
    set xlabel "step with nobody late, ms"
    set ylabel "step with the stall, times as long"
    set xrange [0.12:12]
    set yrange [1:10]
    set xtics ("0.15" 0.15, "0.3" 0.3, "0.6" 0.6, "1.2" 1.2, "2.4" 2.4, "4.8" 4.8, "9.6" 9.6)
    set ytics (1, 1.25, 1.5, 2, 3, 5, 9)
    set samples 300
    plot (x + 1.2) / x with lines linetype 7 title "(T0 + D)/T0", \
         2 with lines linetype grey title "twice", \
         for [i=0:data20_blocks-1] "data20.tsv" index i \
             using ($2 / 1000 * 1.02 ** (i - data20_blocks / 2.0)):3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.3 title columnheader(1)
}
eval fresh
if (data21_rows > 0) {
    set output out("timeline")
    set title "One rank is 1.2 ms late once: everybody waits, and the next batch is another"
    stats "data21.tsv" index 0 using 2 nooutput
    ranks = STATS_max
    set xlabel "ms since the sum before, each rank by its own clock"
    set yrange [ranks + 2:-0.8]
    set xrange [0:*]
    set ytics ("batch" ranks + 1)
    do for [r=0:int(ranks)] { set ytics add (sprintf("rank %d", r) r) }
    set grid noytics
    set style fill solid 0.85 noborder
    # In the order of the table, whose first engine this is.
    array fills[4] = ["#0072b2", "#d55e00", "#e3c58b", "#000000"]
    array names[4] = ["computes", "is late", "waits", "sums"]
    mid(a, b) = (a + b) / 2
    plot for [i=0:3] "data21.tsv" index i \
             using (mid($5, $6)):2:5:6:($2 - 0.38):($2 + 0.38) with boxxyerror \
             linecolor rgb fills[i+1] title names[i+1], \
         "data21.tsv" index 0 using ($2 == 0 ? mid($5, $6) : NaN):(ranks + 1):\
             (sprintf("%d rows", $4)) with labels textcolor rgb "#2b2f36" notitle
}
eval fresh
if (data22_rows > 0) {
    set output out("chain")
    set title "Rows in the batch, step by step, with one rank 1.2 ms late"
    set xlabel "step"
    set ylabel "rows, a lane for each run"
    set xrange [0:*]
    set yrange [-40 * (data22_blocks - 1) - 4:36]
    set ytics ("32" 32)
    do for [i=0:data22_blocks-1] { set ytics add ("32" 32 - 40 * i, "12" 12 - 40 * i) }
    plot for [i=0:data22_blocks-1] "data22.tsv" index i using 2:($4 - 40 * i) \
             with steps linetype grey notitle, \
         for [i=0:data22_blocks-1] "data22.tsv" index i using 2:($3 - 40 * i) \
             with steps linetype i+1 title columnheader(1)
}
eval fresh
if (data17_rows > 0) {
    set output out("workspace")
    set title "What a rank short of workspace makes of everybody's step"
    set ylabel "us"
    set yrange [0:*]
    set xrange [-0.6:data17_blocks-0.4]
    set style fill solid 0.6 noborder
    set xtics ()
    plot for [i=0:data17_blocks-1] "data17.tsv" index i using (i-0.26):2:(0.24):xtic(1) \
             with boxes linetype 2 title i == 0 ? "rank 1 computes" : "", \
         for [i=0:data17_blocks-1] "data17.tsv" index i using (i-0.26):2:3:4 \
             with yerrorbars linetype 7 pointtype 0 notitle, \
         for [i=0:data17_blocks-1] "data17.tsv" index i using (i):5:(0.24) \
             with boxes linetype 1 title i == 0 ? "rank 0 waits" : "", \
         for [i=0:data17_blocks-1] "data17.tsv" index i using (i+0.26):6:(0.24) \
             with boxes linetype 3 title i == 0 ? "step" : ""
}
eval fresh
if (data18_rows > 0) {
    set output out("batches")
    set multiplot layout 2,1 title "Rank 1 has no workspace in steps 16 to 39"
    set object 1 rectangle from 15.5, graph 0 to 39.5, graph 1 behind \
        fillcolor rgb "#f1f2f4" fillstyle solid 1 noborder
    set xlabel ""
    set ylabel "rows of the batch"
    set yrange [0:36]
    set xrange [0:55]
    set lmargin 11
    set tmargin 1
    plot for [i=0:data18_blocks-1] "data18.tsv" index i using 2:3 \
             with steps linetype i+1 title columnheader(1)
    set xlabel "step"
    set ylabel "step, us"
    set yrange [0:*]
    plot for [i=0:data18_blocks-1] "data18.tsv" index i using 2:4 \
             with lines linetype i+1 title columnheader(1)
    unset multiplot
}
eval fresh
if (data10_rows > 0) {
    set output out("league")
    set title "Windows in which a rule names just the late ranks, percent"
    set palette defined (0 "#d55e00", 50 "#f7f0d8", 100 "#0072b2")
    set cbrange [0:100]
    unset colorbox
    unset key
    unset grid
    set border 0
    set tics scale 0
    set bmargin 6
    set rmargin 4
    set xrange [-0.6:7*data10_blocks-1.4]
    set yrange [-0.6:8.2]
    set xlabel "late by, us" offset 0,-1
    set style fill solid 1 noborder
    set xtics ("0" 0, "150" 1, "300" 2, "600" 3, "1200" 4, "2400" 5, "0" 7, "150" 8, "300" 9, \
               "600" 10, "1200" 11, "2400" 12)
    set ytics () offset 0,0
    plot for [i=0:data10_blocks-1] "data10.tsv" index i \
             using ($2 + 7*i):3:(0.48):(0.46):4:ytic(5) with boxxyerror fillcolor palette, \
         for [i=0:data10_blocks-1] "data10.tsv" index i \
             using ($2 + 7*i):3:(sprintf("%.0f", $4)):($4 > 25 && $4 < 75 ? 0x101418 : 0xffffff) \
             with labels textcolor rgbcolor variable, \
         for [i=0:data10_blocks-1] "data10.tsv" index i every ::0::0 \
             using (2.5 + 7*i):(7.9):1 with labels textcolor rgb "#101418"
}
eval fresh
if (data11_rows > 0) {
    set output out("without")
    set title "The step without the straggler, from the log with it"
    set logscale x 2
    set xtics (1, 1.25, 1.5, 2, 3, 4, 5)
    set xlabel "step with the straggler, over the step without"
    set ylabel "predicted over measured"
    set xrange [0.97:5.2]
    set yrange [0.85:1.15]
    plot 1 with lines linetype grey dashtype 1 notitle, \
         0.97 with lines linetype grey notitle, 1.03 with lines linetype grey notitle, \
         for [i=0:data11_blocks-1] "data11.tsv" index i \
             using ($2 * 1.008 ** (i - data11_blocks / 2.0)):3:4:5 with yerrorbars \
             linetype i+1 pointsize 1.1 title columnheader(1)
}

if (data12_rows > 0) {
    eval fresh
    set output out("bits")
    set title "Which sums of the same numbers have the same bits"
    unset key
    set lmargin 28
    set xlabel "ranks, elements of each"
    set xtics rotate by 90 right font ",10"
    set xrange [-0.8:*]
    set offsets 0, 0, 0, 0
    stats "data12.tsv" using 3 nooutput
    set yrange [STATS_max+0.8:0.2]
    plot for [i=0:data12_blocks-1] "data12.tsv" index i \
             using 2:3:4:ytic(5):xtic(sprintf("%d, %d", column(6), column(7))) with points \
             pointtype 5 pointsize 1.7 linecolor variable notitle
}

if (data13_rows > 0) {
    eval fresh
    set output out("bits-virtual")
    set title "Which sums have the same bits, among ranks that are groups of thread blocks"
    unset key
    set lmargin 40
    set xlabel "ranks, elements of each"
    set xtics rotate by 90 right font ",10"
    set xrange [-0.8:*]
    set offsets 0, 0, 0, 0
    stats "data13.tsv" using 3 nooutput
    set yrange [STATS_max+0.8:0.2]
    plot for [i=0:data13_blocks-1] "data13.tsv" index i \
             using 2:3:4:ytic(5):xtic(sprintf("%d, %d", column(6), column(7))) with points \
             pointtype 5 pointsize 1.5 linecolor variable notitle
}

if (data14_rows > 0) {
    eval fresh
    set output out("price")
    set title "What the aligned order costs, against the fastest algorithm of each size"
    eval bytes_x
    set xlabel "bytes of each rank"
    set ylabel "time over the fastest algorithm's"
    set yrange [0.9:*]
    plot 1 with lines linetype grey notitle, \
         for [i=0:data14_blocks-1] "data14.tsv" index i using 2:4:5 with filledcurves \
             linetype i+1 notitle, \
         for [i=0:data14_blocks-1] "data14.tsv" index i using 2:6 with lines \
             linetype i+1 linewidth 1.5 dashtype (6,4) notitle, \
         for [i=0:data14_blocks-1] "data14.tsv" index i using 2:3 with linespoints \
             linetype i+1 title columnheader(1)
}
