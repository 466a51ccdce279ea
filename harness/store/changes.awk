# changes.awk: results/changes.tsv as a C table (build_info.h). A line that is not as the file's head
# says is named, and ends the build.

function refuse(what) {
    printf "%s:%d: %s; a line is: how ids begin (or *), version, date, what changed, between tabs\n",
        FILENAME, FNR, what >"/dev/stderr"
    bad = 1
    exit 2
}

BEGIN {
    FS = "\t"
    print "#include \"harness/store/build_info.h\"\n"
    print "const struct build_change build_changes[] = {"
}

/^#/ { next }

NF != 4 { refuse(NF " fields in place of 4") }
$1 !~ /^(\*|[0-9][0-9]\/[A-Za-z0-9.=_\/-]*)$/ { refuse("\"" $1 "\" begins no id of a case") }
$2 !~ /^[A-Za-z0-9][A-Za-z0-9.-]*$/ { refuse("\"" $2 "\" is no version") }
$3 !~ /^20[0-9][0-9]-[01][0-9]-[0-3][0-9]$/ { refuse("\"" $3 "\" is no date") }
$3 < last { refuse("it is older than the line before; lines are added at the end") }
$4 !~ /^[^[:cntrl:]"\\]+$/ || length($4) > 200 { refuse("what changed is no plain sentence of at most 200 bytes") }

{
    last = $3
    printf "    {\"%s\", \"%s\", \"%s\", \"%s\"},\n", $1, $2, $3, $4
}

END {
    if (!bad)
        print "    {0, 0, 0, 0},\n};"
}
