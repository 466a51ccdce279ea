#!/bin/bash
# The part of check-exercise that judges trees: it recovers the order of additions of the student's
# function and of the solution from their outputs alone (nanolab reveal), and compares them. An
# exercise is a tree where there is a checks/NAME.tree: the sizes that are asked, 9-30 for any one of
# these, drawn anew for each check. To be read by check-exercise, whose variables these are.
# shellcheck disable=SC2154
reveal=${NANOLAB_BUILD:-$root/build}/bin/nanolab-reveal

tree_answers() { # FILE LIBRARY
    $cc -shared -fPIC -O1 -std=c11 "$1" -o "$2" 2>"$work/errors" || not_compiled "$1"
}

# The solution as a library.
tree_judge() { # NAME
    if ! [ -x "$reveal" ]; then
        echo "check: $1 cannot be checked here: $reveal is not there; run make first" >&2
        return 2
    fi
    [ -f "$kept/$1.so" ] || tree_answers "$here/solution/$1.c" "$kept/$1.so"
}

sizes() { # NAME
    local size
    for size in $(<"$here/checks/$1.tree"); do
        echo $((${size%-*} + SRANDOM % (${size#*-} - ${size%-*} + 1)))
    done
}

# What is compared: the verdict, the order, how each partial sum is rounded, and whether memory is
# read that is not there. The answer counts only with the exit status that goes with it: what your
# function prints is no answer. By the clock, so not too short for a busy machine.
facts() { # LIBRARY SYMBOL N SEED DRAWING
    "$reveal" --library "$1" --symbol "$2" -n "$3" --seed "$4" \
        --time-limit "${EXERCISE_SECONDS:-20}" --json --draw "$5.txt" >"$work/json" 2>"$work/why"
    [ $? -le 1 ] && grep -E '^ *"(verdict|why|rule|tree|reads_behind|reads_before)":' "$work/json"
}

member() { # NAME FILE, of a file of facts
    sed -nE "s/^ *\"$1\": (.*[^,]),?\$/\1/p" "$2" | sed -E 's/^"(.*)"$/\1/'
}

# "5 x2 + x3" where x5 is added to x2 + x3 before anything else: of each input.
first_partners() { # FILE
    member tree "$1" | awk '
        function node(  a, b) {
            if (token[at] != "(")
                return "x" token[at++]
            at++
            for (a = node(); token[at] != ")"; a = a " + " b) {
                b = node()
                if (a ~ /^x[0-9]+$/) with[substr(a, 2)] = b
                if (b ~ /^x[0-9]+$/) with[substr(b, 2)] = a
            }
            at++
            return a
        }
        { gsub(/[()]/, " & "); count = split($0, token, " "); at = 1; node()
          for (i = 0; i < count; i++) if (i in with) print i, with[i] }'
}

# Of many numbers nobody reads all.
few() { # x0 + x1 + …
    local terms
    terms=$(tr -dc + <<<"$1" | wc -c)
    if [ "$terms" -lt 8 ]; then echo "$1"; else echo "a sum of $((terms + 1)), ${1%% *} among them"; fi
}

# What was seen at n, in a sentence; and where the trees differ and are small, both.
say() { # NAME N
    local rule asked input mine its
    rule=$(member rule "$work/yours") asked=$(member rule "$work/reference")
    if [ "$(member verdict "$work/yours")" != 'tree found' ]; then
        echo "$1: not yet. At n = $2 no order of additions explains what it returns:" \
            "$(member verdict "$work/yours") ($(member why "$work/yours"))."
    elif [ "$(member tree "$work/yours")" != "$(member tree "$work/reference")" ]; then
        read -r input mine <<<"$(diff <(first_partners "$work/yours") \
            <(first_partners "$work/reference") | sed -n '/^< /{s/^< //p;q;}')"
        its=$(first_partners "$work/reference" | sed -n "s/^$input //p")
        echo "$1: not yet. At n = $2 the additions come in another order:" \
            "$(if [ -n "$input" ]; then
                echo "x$input is first added to $(few "$mine"), and not to $(few "$its")."
            else
                echo "each number is first added to what it should be, and then the sums are not."
            fi)"
        if [ "$2" -le 16 ]; then
            echo "  yours:" && sed 's/^/    /' "$work/yours.txt"
            echo "  asked for:" && sed 's/^/    /' "$kept/$1.$2.txt"
        fi
    elif [ "$rule" != "$asked" ]; then
        echo "$1: not yet. At n = $2 the order is right, and the rounding is another:" \
            "$rule; asked for is: $asked."
    else
        echo "$1: not yet. At n = $2 the order is right, but it reads beyond its $2 numbers."
    fi
}

# Whether the library has the solution's tree at every size; the random checks are others each time.
tree_ask() { # NAME LIBRARY
    local n tried=
    for n in $(sizes "$1"); do
        # The solution's tree is the same at any seed.
        [ -f "$kept/$1.$n" ] || facts "$kept/$1.so" "$1" "$n" 0 "$kept/$1.$n" >"$kept/$1.$n" || {
            rm -f "$kept/$1.$n"
            echo "check: $1 cannot be checked: $(head -1 "$work/why")" >&2
            return 2
        }
        cp "$kept/$1.$n" "$work/reference"
        if ! facts "$2" "$1" "$n" "$SRANDOM" "$work/yours" >"$work/yours"; then
            echo "$1: not yet. At n = $n it gives no result: $(sed '1!d;s/^[^:]*: //' "$work/why")"
            return 1
        fi
        if ! cmp -s "$work/reference" "$work/yours"; then
            say "$1" "$n"
            return 1
        fi
        tried="$tried $n"
    done
    echo "$1: right, at n =$tried"
}
